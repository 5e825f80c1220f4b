"""The language models of this process: which one does which step of the program, and one kind of error for all of them.

    models = build_models(settings, on_call=ledger)
    with models.step("synthesise", deadline=deadline):
        answer = await self.synthesise.acall(...)

DSPy and the SDKs take seconds to import; they are loaded by `build_models`, and only when a model is set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, get_args

from core.costs import ModelCall
from core.errors import ConfigurationError
from core.settings import Settings
from pipeline.model_endpoint import Endpoint, endpoints

if TYPE_CHECKING:
    from pipeline.model_engine import Line, Upstream

Step = Literal["classify", "rewrite", "investigate", "synthesise", "rca", "summarise"]
_MAX_CONNECTIONS = 256
SMALL_STEPS = frozenset({"classify", "rewrite", "summarise"})


class Models:
    """Safe to share between tasks, event loops and threads.

    `name` is what people are shown. `context_tokens` is what the model reads and writes in one call, of which `output_tokens`
    are kept for the answer: a prompt has to fit into the difference.
    """

    def __init__(self, lines: Mapping[Step, Line], lms: Mapping[Step, Any], settings: Settings) -> None:
        self.name = lines["synthesise"].endpoint.name
        self.context_tokens = context_tokens(settings)
        self.output_tokens = output_tokens(settings)
        self._lines = lines
        self._lms = lms

    @contextmanager
    def step(
        self, step: Step, *, deadline: float | None = None, show: Callable[[str | None], None] | None = None
    ) -> Iterator[None]:
        """What runs inside uses this step's model. Raises ModelUnavailable, ModelRefused or BadModelAnswer for all that fails there.

        `deadline`, on the event loop's clock (`loop.time()`), cuts calls and waits for retries short; without it a call has
        SRE_LM_TIMEOUT_S. `show` takes the words while they are written, and None where they begin anew. Cancellation, a
        TimeoutError of the caller's own, and errors that are not about the model pass through.
        """
        import dspy  # takes a second to import

        from pipeline.model_engine import DEADLINE, SHOW
        from pipeline.model_errors import at_the_boundary
        from pipeline.plain_adapter import PlainAdapter

        token, showing = DEADLINE.set(deadline), SHOW.set(show)
        try:
            with dspy.context(lm=self._lms[step], adapter=PlainAdapter(), disable_history=True, **_no_idle_trace()):
                yield
        except Exception as error:
            known = at_the_boundary(self._lines[step].endpoint, error)
            if known is None:
                raise
            # Not chained: the exceptions below may quote what must not be logged.
            raise known from None
        finally:
            DEADLINE.reset(token)
            SHOW.reset(showing)

    def lm(self, step: Step) -> Any:
        """The `dspy.LM` of a step, for optimisers, which ask by themselves."""
        return self._lms[step]

    def unavailable(self) -> str | None:
        """Why the model that writes answers would not be asked now, without asking it."""
        return self._lines["synthesise"].breaker.refusal()

    async def aclose(self) -> None:
        """Close this event loop's connections."""
        for line in set(self._lines.values()):
            await line.aclose()


def build_models(
    settings: Settings,
    *,
    on_call: Callable[[ModelCall], None],
    refuse: Callable[[], str | None] = lambda: None,
    around: Callable[[Upstream], Upstream] = lambda upstream: upstream,
) -> Models | None:
    """The models that the settings name; None when they name none. Raises ConfigurationError; sends nothing.

    `on_call` is told of each request, from the task that made it, also when it failed or was cancelled; its errors reach the
    caller. `refuse` is asked before each call: a reason makes it a ModelRefused. Both run on the event loop: they must be quick.
    `around` stands between each request and the provider: something that keeps what was paid for, say.
    """
    found = endpoints(settings)
    if found is None:
        return None
    import dspy  # see the module's docstring

    from pipeline.model_engine import BlockingEngine, ModelEngine, Policy

    policy = Policy(settings.lm_timeout_s, output_tokens(settings), on_call, refuse)
    large, small = _lines(*found, around)
    lines = {step: small if step in SMALL_STEPS else large for step in get_args(Step)}
    lms = {}
    for step, line in lines.items():
        engine = ModelEngine(step, line, policy)
        lms[step] = dspy.LM(
            line.endpoint.name, engine=BlockingEngine(engine), async_engine=engine, cache=False, num_retries=0
        )
    return Models(lines, lms, settings)


def model_problem(settings: Settings) -> str | None:
    """What is wrong with the model's settings, in one line, without importing or sending anything."""
    try:
        endpoints(settings)
    except ConfigurationError as error:
        return str(error)
    return None


def context_tokens(settings: Settings) -> int:
    """As set; else what a small local model reads, and more for Claude, which also thinks in it."""
    return settings.lm_context_tokens or (32_768 if (settings.lm or "").startswith("anthropic/") else 8_192)


def output_tokens(settings: Settings) -> int:
    """The longest answer: a quarter of the context, within reason. Some models also think in this."""
    return min(max(context_tokens(settings) // 4, 1024), 8192)


def _lines(large: Endpoint, small: Endpoint, around: Callable[[Upstream], Upstream]) -> tuple[Line, Line]:
    """One line for each endpoint; both share the breaker when they are at one address."""
    from pipeline.model_breaker import Breaker
    from pipeline.model_engine import Line

    def line(endpoint: Endpoint, breaker: Breaker) -> Line:
        connect = _connect(endpoint)
        return Line(endpoint, lambda: around(connect()), breaker)

    reasoning = line(large, Breaker(large.provider))
    if small == large:
        return reasoning, reasoning
    same_address = (small.provider, small.base_url) == (large.provider, large.base_url)
    return reasoning, line(small, reasoning.breaker if same_address else Breaker(small.provider))


def _connect(endpoint: Endpoint) -> Callable[[], Any]:
    if endpoint.provider == "anthropic":
        from pipeline.anthropic_engine import AnthropicEngine  # the SDK takes two seconds to import

        return lambda: AnthropicEngine(endpoint)
    from dspy import lm15
    from dspy.clients.engines.lm15_engine import AsyncLM15Engine

    # The environment is given as empty: keys and addresses come from our settings only.
    door = AsyncLM15Engine(lm15.RouterConfig(env={})).resolve(endpoint.name).provider
    config = lm15.RouterConfig(
        env={},
        api_keys={door: endpoint.key},
        base_urls=None if endpoint.base_url is None else {door: endpoint.base_url},
        max_connections=_MAX_CONNECTIONS,
    )
    return lambda: AsyncLM15Engine(config)


def _no_idle_trace() -> dict[str, Any]:
    """Outside an optimiser DSPy would keep the last 10,000 calls with their prompts."""
    from dspy import settings
    from dspy.dsp.utils.settings import main_thread_config

    return {"trace": None} if settings.trace is main_thread_config["trace"] else {}
