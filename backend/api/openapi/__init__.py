"""The API's OpenAPI 3.1 document, made from the code. Only its JSON ships with the function."""
