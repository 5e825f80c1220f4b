"""What is a question after, and about what?"""

import dspy

from core.vocabulary import Intent


class ClassifyQuestion(dspy.Signature):
    """Classify a question about a homelab. Name only hosts and services of the list; clarify when it is unclear what is meant,
    out_of_scope when it is not about the homelab.
    """

    known_names: str = dspy.InputField(desc="hosts and services")
    conversation: str = dspy.InputField(desc="what was said before")
    question: str = dspy.InputField()
    intent: Intent = dspy.OutputField()
    subjects: list[str] = dspy.OutputField(desc='names from the list, as ["a", "b"]; [] when none', default=[])
