"""Every error that this project raises on purpose.

    SreError
    ├── InvalidInput          what a person or client sent is wrong: exit code 2, HTTP 422
    │   └── InvalidQuery      PromQL or LogQL that does not parse
    ├── ConfigurationError    a setting is missing or wrong: exit code 2
    ├── SourceError           a source could not be read
    │   ├── SourceUnavailable   unreachable, timed out, breaker open, 5xx          (try again later)
    │   ├── SourceRefused       401, 403, 404, or a request outside the allow-list (permanent)
    │   ├── QueryRejected       the source understood and said no                  (permanent)
    │   └── BadResponse         not what the API documents, or too large           (permanent)
    ├── ModelError            the language model gave no usable answer
    │   ├── ModelUnavailable    unreachable, timed out, overloaded, breaker open    (try again later)
    │   ├── ModelRefused        401, 403, 404, a refusal, or out of budget          (permanent)
    │   └── BadModelAnswer      not in the asked-for form                           (permanent)
    ├── KnowledgeError        the index of documents cannot be read or written
    ├── StoreError            the database of sessions and costs cannot be read or written
    └── LabError              the simulated homelab cannot start

A message is one line, names the field, file, setting or source, and says what to do next. `permanent` tells whether the same
call can succeed later without anybody changing anything.
"""

from __future__ import annotations


class SreError(Exception):
    """Base of the tree. `str(error)` is fit to show to a person."""

    permanent: bool = True


class InvalidInput(SreError):
    """What a person or a client sent cannot be used."""


class InvalidQuery(InvalidInput):
    """A query that does not parse; the message carries the parser's own words."""


class ConfigurationError(SreError):
    """A setting is missing or wrong; the message names it."""


class SourceError(SreError):
    """A source could not be read. `source` is its name, for instance "prometheus"."""

    def __init__(self, source: str, message: str) -> None:
        super().__init__(message)
        self.source = source

    def __str__(self) -> str:
        return f"{self.source}: {super().__str__()}"


class SourceUnavailable(SourceError):
    """The source did not answer: connection refused, timeout, 5xx, or its circuit breaker is open."""

    permanent = False


class SourceRefused(SourceError):
    """The source will not let us, or we will not let ourselves (a path outside the read-only allow-list)."""


class QueryRejected(SourceError):
    """The source understood the request and rejected the query."""


class BadResponse(SourceError):
    """The answer is not what the API documents, or larger than the cap."""


class ModelError(SreError):
    """The language model gave no usable answer; the deterministic one takes its place. `reason` is for the metrics."""

    reason: str = "failed"


class ModelUnavailable(ModelError):
    """The provider did not answer in time, is overloaded, or its circuit breaker is open."""

    permanent = False
    reason = "unavailable"


class ModelRefused(ModelError):
    """The provider will not let us (key, model, quota), the model will not answer, or the daily budget is spent."""

    reason = "refused"


class BadModelAnswer(ModelError):
    """What the model wrote is not in the form that was asked for, or does not stand in the evidence."""

    reason = "bad_answer"


class StoreError(SreError):
    """The database of sessions and costs cannot be read or written."""


class KnowledgeError(SreError):
    """The index of documents cannot be read or written."""


class LabError(SreError):
    """The simulated homelab cannot start or stopped early."""
