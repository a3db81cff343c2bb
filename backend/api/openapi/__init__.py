"""The API's document (OpenAPI 3.1), made from the code that answers. Never shipped, only its JSON.

It imports the runtime's modules by the names that they have in the function, so whoever imports it
has backend/api/runtime on the path: ./scripts/openapi, pytest and mypy do.
"""
