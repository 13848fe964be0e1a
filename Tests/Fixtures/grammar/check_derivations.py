#!/usr/bin/env python3
"""Checks with the package jsonschema what grammars of schemas produced.

  APUS_DERIVATIONS=FILE swift test --filter SchemaDerivationTests    writes FILE: a schema and a text a line
  check_derivations.py FILE

Needs: pip install 'jsonschema[format]'
"""
import json, sys

import jsonschema

checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
count = failures = 0
for line in open(sys.argv[1], encoding="utf-8"):
    schema, text = json.loads(line)
    count += 1
    try:
        jsonschema.Draft202012Validator(schema, format_checker=checker).validate(json.loads(text))
    except (ValueError, jsonschema.ValidationError) as problem:
        failures += 1
        print(f"{json.dumps(schema)}\n  {text!r}\n  {str(problem).splitlines()[0]}")
print(f"{count} texts, {failures} failures")
sys.exit(failures > 0 or count == 0)
