"""Process-wide switches of the libraries, set before any of them is imported. The first import of every door."""

from __future__ import annotations

import os

QUIET_LIBRARIES = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "ANONYMIZED_TELEMETRY": "False",
    "TOKENIZERS_PARALLELISM": "false",
}
"""None of them may fetch or report anything over the network on its own."""

SMALL_PRODUCTS = {"OPENBLAS_NUM_THREADS": "1"}
"""A search multiplies some thousand rows with one vector: threads cost more than they save, most of all on a busy machine."""

for _name, _value in (QUIET_LIBRARIES | SMALL_PRODUCTS).items():
    os.environ.setdefault(_name, _value)
