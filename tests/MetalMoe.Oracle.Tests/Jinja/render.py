"""Renders templates with Jinja2, in the environment that model repositories write theirs for.

Same protocol as render.mjs. Exits with status 3 when Jinja2 is not installed.
"""
import datetime
import json
import sys

try:
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ImportError:
    sys.exit(3)


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_render")
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def strftime_now(layout):
    return datetime.datetime(2024, 7, 3, 14, 5, 9).strftime(layout)


def attempt(action):
    try:
        return action(), None
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


environment = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
)
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = strftime_now

job = json.loads(sys.stdin.buffer.read())
parsed = [attempt(lambda: environment.from_string(text)) for text in job["templates"]]
results = []
for template, index in job["cases"]:
    value, error = parsed[template]
    if error is None:
        text, error = attempt(lambda: value.render(**job["variables"][index]))
    results.append({"error": error} if error is not None else {"text": text})
sys.stdout.write(json.dumps(results))
