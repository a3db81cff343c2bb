"""Runs a function's code: each line of the input is an event, each line of the output a response.

python -I serve.py CODE   CODE: the folder or archive with the function's code
"""

import importlib
import json
import os
import sys

from aws_lambda_powertools.utilities.typing import LambdaContext

# The function's own output, its log, must not mix with the responses.
responses = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
sys.path.insert(0, sys.argv[1])
try:
    module = importlib.import_module("backend.api.runtime.lambda_function")
except ModuleNotFoundError as error:
    if error.name != "backend":
        raise
    module = importlib.import_module("lambda_function")  # release 1 has no packages
for event in sys.stdin:
    print(
        json.dumps(module.handler(json.loads(event), LambdaContext())), file=responses, flush=True
    )
