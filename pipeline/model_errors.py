"""What went wrong with a language model, in the words of core/errors.py: one line that names the model and the next step.

Nothing here carries a key: messages are redacted, the configured key is struck out wherever a provider echoes it, and the
provider's own exceptions are not chained.
"""

from __future__ import annotations

from dspy import lm15
from dspy.utils.exceptions import AdapterParseError, DSPyError

from core.errors import BadModelAnswer, ModelError, ModelRefused, ModelUnavailable, SreError
from core.redact import REDACTED, redact
from pipeline.model_endpoint import KEYLESS, Endpoint
from tools.http_errors import one_line

MALFORMED = (TypeError, ValueError, KeyError, AttributeError, IndexError)
"""What reading an answer of the wrong shape raises."""
_EXCERPT_CHARS = 160
_NOT_FOUND = "not found{status}; check SRE_LM and {address}, or whether the model is installed there: {said}"
_TOO_LONG = "the prompt is longer than the model reads; set SRE_LM_CONTEXT_TOKENS to what it can read: {said}"
_TABLE: tuple[tuple[type[Exception], type[ModelError], str], ...] = (
    (lm15.AuthError, ModelRefused, "the key was not accepted{status}; check {key_setting}: {said}"),
    (lm15.BillingError, ModelRefused, "the provider asks for payment{status}: {said}"),
    (lm15.RateLimitError, ModelUnavailable, "too many requests{status}{again}: {said}"),
    (lm15.ContextLengthError, BadModelAnswer, _TOO_LONG),
    (lm15.UnsupportedModelError, ModelRefused, _NOT_FOUND),
    (lm15.InvalidRequestError, ModelRefused, "the request was refused{status}: {said}"),
    (lm15.ConfigurationError, ModelRefused, "the request was refused: {said}"),
    (lm15.CapabilityError, ModelRefused, "the request was refused: {said}"),
    (lm15.ServerError, ModelUnavailable, "overloaded or broken{status}{again}: {said}"),
    (lm15.TimeoutError, ModelUnavailable, "timed out at the provider{status}{again}: {said}"),
    (lm15.TransportError, ModelUnavailable, "no complete answer; is it running, and is {address} right? {said}"),
    (lm15.StreamAssemblyError, ModelUnavailable, "no complete answer; is it running, and is {address} right? {said}"),
    (Exception, BadModelAnswer, "the answer is not what the API documents{status}: {said}"),
)
"""The first row that fits counts; a special kind stands before its parent."""


def model_error(endpoint: Endpoint, error: Exception) -> ModelError:
    """The error for a request that failed for good."""
    if isinstance(error, ModelError):
        return error
    status: int | None = getattr(error, "status", None)
    retry_after: float | None = getattr(error, "retry_after", None)
    kind, template = next((kind, template) for types, kind, template in _TABLE if isinstance(error, types))
    if status == 404:
        kind, template = ModelRefused, _NOT_FOUND
    problem = template.format(
        said=_said(endpoint, getattr(error, "message", str(error))),
        status=f" ({status})" if status else "",
        again="" if retry_after is None else f", may be asked again in {retry_after:.0f} s",
        address=f"SRE_LM_BASE_URL {endpoint.base_url}" if endpoint.base_url else "SRE_LM_BASE_URL (not set)",
        key_setting="ANTHROPIC_API_KEY" if endpoint.provider == "anthropic" else "SRE_LM_API_KEY",
    )
    return kind(f"{endpoint.name}: {problem}")


def at_the_boundary(endpoint: Endpoint, error: Exception) -> SreError | None:
    """The error to raise for one that came out of DSPy; None for one that is not about the model."""
    if isinstance(error, AdapterParseError):
        missing = error.signature.output_fields.keys() - (error.parsed_result or {}).keys()
        wanted = ", ".join(sorted(missing)) or ", ".join(error.signature.output_fields)
        return BadModelAnswer(
            f"{endpoint.name}: the answer is not in the asked-for form ({wanted}): {_excerpt(endpoint, error.lm_response)}"
        )
    if isinstance(error, DSPyError):
        if isinstance(error.__cause__, SreError):  # DSPy wraps what an engine raises
            return error.__cause__
        return ModelRefused(f"{endpoint.name}: {_said(endpoint, error.message)}")
    if isinstance(error, lm15.LM15Error):
        return model_error(endpoint, error)
    return None


def _said(endpoint: Endpoint, message: str) -> str:
    """The provider's words, without the advice that lm15 appends after an empty line."""
    return one_line(_without_key(endpoint, message.partition("\n\n")[0])) or "no more was said"


def _excerpt(endpoint: Endpoint, text: str) -> str:
    flat = one_line(_without_key(endpoint, text))
    return (
        f"“{flat[:_EXCERPT_CHARS]}…”" if len(flat) > _EXCERPT_CHARS else f"“{flat}”" if flat else "nothing was written"
    )


def _without_key(endpoint: Endpoint, text: str) -> str:
    if endpoint.key != KEYLESS:
        text = text.replace(endpoint.key, REDACTED)
    return redact(text)
