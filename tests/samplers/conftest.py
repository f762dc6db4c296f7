"""Set-up of the sampler tests: tiny models are fastest on one thread."""

from __future__ import annotations

import torch
import transformers

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
