"""Other words to search for."""

import dspy


class RewriteQuery(dspy.Signature):
    """No runbook was found for the question. Write other search words: the likely software, component, symptom and task."""

    findings: str = dspy.InputField(desc="what was measured; may be empty")
    question: str = dspy.InputField()
    query: str = dspy.OutputField(desc="at most 12 words")
