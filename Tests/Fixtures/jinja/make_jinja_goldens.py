#!/usr/bin/env python3
"""Writes goldens.json: templates, variables and what Jinja2 makes of them in the set-up of transformers' chat templates.

Needs jinja2 3.1.6. The environment below is the one that transformers 5 builds for `apply_chat_template`:
https://github.com/huggingface/transformers, src/transformers/utils/chat_template_utils.py.
"""
import datetime
import json
import pathlib
import random

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).parent
NOW = datetime.datetime(2026, 3, 5, 14, 7, 9)


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


ENVIRONMENT = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
ENVIRONMENT.filters["tojson"] = tojson
ENVIRONMENT.globals["raise_exception"] = raise_exception
ENVIRONMENT.globals["strftime_now"] = lambda form: NOW.strftime(form)

DATA = {
    "a": 7, "b": -3, "f": 2.5, "s": "Hello, World", "u": "héé 你好 😀", "e": "", "n": None, "t": True, "z": 0,
    "l": [3, 1, 2], "w": ["b", "A", "c"], "d": {"x": 1, "y": [1, {"z": None}], "items_": "q"}, "p": "  padded \n",
    "r": [{"name": "one", "v": 3, "on": True}, {"name": "two", "v": 1, "on": False}, {"name": "three", "v": 2}],
    "q": "it's \"quoted\" \\ and\ttab", "big": 1e22, "small": 1e-7, "nested": {"a": {"b": {"c": "deep"}}},
}

SNIPPETS = r"""
{{ a }} {{ b }} {{ f }} {{ s }} {{ u }} {{ n }} {{ t }} {{ l }} {{ d }} {{ q }} {{ [q, u] }} {{ big }} {{ small }}
{{ missing }}|{{ missing is defined }}|{{ d.missing }}|{{ d['x'] }}|{{ d.x }}|{{ l[0] }}|{{ l[-1] }}|{{ l[9] }}
{{ missing.attribute }}
{{ missing + 1 }}
{{ missing() }}
{{ a + b * 2 - 4 / 2 }} {{ a // 2 }} {{ b // 2 }} {{ b % 5 }} {{ a ** 2 }} {{ 2 ** -1 }} {{ -a }} {{ +a }} {{ - a ** 2 }}
{{ 7 / 7 }} {{ 1 / 3 }} {{ 2.0 * 3 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 10 ** 15 }} {{ 1e16 }} {{ 123456789012345680.0 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }}
{{ 1 / 0 }}
{{ 'a' ~ 1 ~ none ~ 2.0 }} {{ 'a' + 'b' 'c' }} {{ 'ab' * 3 }} {{ [1, 2] + [3] }} {{ (1, 2) }} {{ (1,) }} {{ () }} {{ {} }} {{ [] }} {{ {'a': 1, "b": [true, false, none]} }}
{{ 'a' + 1 }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' == 1 }} {{ none == none }} {{ 1 != 2 }} {{ 2 >= 2 }} {{ 3 > 4 }}
{{ 1 < 'a' }}
{{ 1 in l }} {{ 5 not in l }} {{ 'ell' in s }} {{ 'x' in d }} {{ 'q' in d }} {{ 'a' in missing }} {{ '' in s }}
{{ not t }} {{ not z }} {{ t and 'yes' }} {{ z or 'other' }} {{ e or n or 'last' }} {{ t and z }} {{ not a == 7 }} {{ not missing }}
{{ 'x' if t else 'y' }}{{ 'x' if z }}|{{ 'p' if z else 'q' if t else 'r' }}|{{ ('x' if z) is defined }}
{{ s[0] }}{{ s[-1] }} {{ s[2:5] }} {{ s[::-1] }} {{ s[:-3] }} {{ l[1:] }} {{ l[::-1] }} {{ l[:0] }} {{ u[1:3] }} {{ s[::2] }} {{ l[-2:] }} {{ s[5:2] }} {{ l[5:] }} {{ (1,2,3)[1:] }}
{{ s.upper() }} {{ s.lower() }} {{ s.title() }} {{ 'hELLO wORLD'.capitalize() }} {{ p.strip() }}| {{ p.lstrip() }}|{{ p.rstrip() }}| {{ 'xxaxx'.strip('x') }} {{ "they're bill's".title() }}
{{ s.split(', ') }} {{ ' a  b c '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ 'a b  c d'.split(none, 2) }} {{ 'a b c'.rsplit(maxsplit=1) }} {{ ''.split() }} {{ ''.split(',') }}
{{ s.startswith('Hell') }} {{ s.endswith(('x', 'ld')) }} {{ s.startswith(('a', 'b')) }} {{ s.replace('l', 'L') }} {{ s.replace('l', 'L', 1) }} {{ s.find('W') }} {{ s.find('zz') }} {{ s.rfind('o') }} {{ s.count('l') }} {{ 'aaa'.replace('', '-') }}
{{ '12'.isdigit() }} {{ 'a1'.isdigit() }} {{ ''.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' \t'.isspace() }} {{ '42'.zfill(5) }} {{ '-42'.zfill(5) }} {{ ', '.join(w) }} {{ 'a\nb\r\nc\n'.splitlines() }} {{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.py'.removesuffix('.py') }} {{ 'AB'.isupper() }} {{ 'ab1'.islower() }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %} {{ d.keys() | list }} {{ d.values() | list }} {{ d.get('x') }} {{ d.get('nope') }} {{ d.get('nope', 5) }} {{ d.items_ }}
{{ l.index(2) }} {{ l.count(1) }}
{{ l.append(4) }}
{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.cycle('odd', 'even') }} {{ loop.previtem }} {{ loop.nextitem is defined }};{% endfor %}
{% for i in [] %}never{% else %}empty{% endfor %}{% for i in missing %}x{% else %}none{% endfor %}
{% for i in range(10) if i is even %}{{ i }}{% if not loop.last %},{% endif %}{% endfor %} {% for i in range(5, 0, -2) %}{{ i }}{% endfor %} {{ range(3) }} {{ range(2, 5) | list }} {{ range(1, 9, 3) }}
{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for a, b in [(1, 2), (3, 4)] %}{{ a }}-{{ b }} {% endfor %}{% for (x, y) in [[1, 2]] %}{{ x + y }}{% endfor %}
{% for x in [1, [2, [3, 4]]] recursive %}{% if x is iterable %}<{{ loop(x) }}>{% else %}{{ x }}{% endif %}{% endfor %}
{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}
{% set ns = namespace(total=0, seen=false) %}{% for i in l %}{% set ns.total = ns.total + i %}{% set ns.seen = true %}{% endfor %}{{ ns.total }} {{ ns.seen }}
{% set a.b = 1 %}
{% if t %}{% set inner = 'set in if' %}{% endif %}{{ inner }}
{% set x, y = 1, 2 %}{{ x }}{{ y }}{% set z = 1, %}{{ z }}
{% set block %}inside {{ a }}
{% endset %}[{{ block }}]{% set up | upper | trim %}  shout {% endset %}[{{ up }}]
{% macro hello(name, greeting='Hi', mark='!') %}{{ greeting }} {{ name }}{{ mark }}{% endmacro %}{{ hello('Bob') }} {{ hello('Ann', mark='?') }} {{ hello('C', 'Yo') }} {{ hello() }}
{% macro m() %}{{ varargs }} {{ kwargs }}{% endmacro %}{{ m(1, 2, k=3) }}
{% macro box() %}[{{ caller() }}]{% endmacro %}{% call box() %}body {{ a }}{% endcall %}{% macro each(l) %}{% for i in l %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) each([1, 2]) %}<{{ i }}>{% endcall %}
{% macro outer(n) %}{% if n > 0 %}{{ n }}{{ outer(n - 1) }}{% endif %}{% endmacro %}{{ outer(4) }}
{% set g = 'global' %}{% macro sees() %}{{ g }}{% endmacro %}{{ sees() }}{% set g = 'changed' %}{{ sees() }}
{% filter upper | replace('A', '4') %}banana {{ a }}{% endfilter %}
{% with x = 1, y = 2 %}{{ x + y }}{% endwith %}{{ x is defined }}
{% generation %}made {{ a }}{% endgeneration %}
{% raw %}{{ not }} {% rendered %}{% endraw %}|{%- raw -%}  x  {%- endraw -%}  |
{# a comment #}x{#- trimmed -#}  y  {# multi
line #}
z
{{ d | tojson }} {{ q | tojson }} {{ u | tojson }} {{ 1.0 | tojson }} {{ big | tojson }} {{ [none, true] | tojson }} {{ "<a href='x'>&" | tojson }}
{{ d | tojson(indent=2) }} {{ [] | tojson(indent=2) }} {{ {} | tojson(indent=4) }} {{ d | tojson(separators=(',', ':')) }} {{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }} {{ u | tojson(ensure_ascii=true) }} {{ '\x01\x7f' | tojson }}
{{ missing | tojson }}
{{ s | length }} {{ u | length }} {{ l | count }} {{ d | length }} {{ missing | length }} {{ w | join(', ') }} {{ w | join }} {{ r | join('|', attribute='name') }} {{ l | first }} {{ l | last }} {{ [] | first }} {{ s | first }}
{{ l | sort }} {{ w | sort }} {{ w | sort(case_sensitive=true) }} {{ l | sort(reverse=true) }} {{ r | sort(attribute='v') | map(attribute='name') | list }} {{ l | reverse | list }} {{ s | reverse }} {{ l | max }} {{ l | min }} {{ l | sum }} {{ r | sum(attribute='v') }} {{ [1, 1.5] | sum }}
{{ r | selectattr('on') | map(attribute='name') | list }} {{ r | selectattr('v', 'gt', 1) | map(attribute='name') | join(',') }} {{ r | rejectattr('on', 'defined') | list }} {{ r | selectattr('name', 'equalto', 'two') | list | length }} {{ l | select('odd') | list }} {{ l | reject('odd') | list }} {{ [0, 1, ''] | select | list }} {{ r | rejectattr('on') | map(attribute='name') | list }}
{{ w | map('upper') | list }} {{ w | map('replace', 'b', 'B') | join }} {{ r | map(attribute='on', default='?') | list }} {{ l | map('string') | join('') }}
{{ missing | default('fallback') }} {{ e | default('x') }} {{ e | default('x', true) }} {{ n | d('y') }} {{ n | default('y', boolean=true) }} {{ d.q | default }}|
{{ '5' | int + 1 }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ 3.9 | int }} {{ '3.7' | int }} {{ '2.5' | float }} {{ 'x' | float }} {{ -4 | abs }} {{ 2.567 | round(2) }} {{ 2.5 | round }} {{ 3.2 | round(0, 'ceil') }} {{ 42 | string ~ '!' }} {{ 'ff' | int(base=16) }}
{{ '  x ' | trim }} {{ 'xxyxx' | trim('x') }} {{ s | upper }} {{ s | lower }} {{ 'foo bar' | title }} {{ 'foo BAR' | capitalize }} {{ 'a\nb\n\nc' | indent }} {{ 'a\nb' | indent(2, true) }} {{ 'a\nb' | indent('> ') }} {{ s | replace('o', '0') }} {{ '<&>' | escape }} {{ 'a b c' | wordcount }}
{{ {'b': 2, 'A': 1} | dictsort }} {{ {'b': 1, 'a': 2} | dictsort(by='value') }} {{ d | items | list }} {{ l | batch(2) | list }} {{ l | batch(2, 'x') | list }} {{ l | slice(2) | list }} {{ [1, 2, 1, 3, 2] | unique | list }} {{ ['a', 'A'] | unique | list }} {{ s | list }}
{{ r | groupby('v') | map(attribute=0) | list }} {{ '%s-%d' | format('a', 3) }} {{ '%05.2f|%-5s|%5s|%x' % (3.14159, 'ab', 'cd', 255) }} {{ '%(k)s' | format(k='v') }} {{ '100%%' % () }}
{{ a is number }} {{ f is number }} {{ t is number }} {{ t is boolean }} {{ a is integer }} {{ f is float }} {{ s is string }} {{ d is mapping }} {{ l is mapping }} {{ l is sequence }} {{ s is iterable }} {{ a is iterable }} {{ d is sequence }} {{ n is none }} {{ a is not none }} {{ t is true }} {{ z is false }} {{ missing is undefined }} {{ range is callable }}
{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 1 is in [1, 2] }} {{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 1 is eq 1 }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 3 is ge 3 }} {{ 1 is sameas 1 }} {{ 'upper' is filter }} {{ 'odd' is test }} {{ a is defined and a is odd }} {{ a is not odd or t }}
{{ nested.a.b.c }} {{ nested['a'].b['c'] }} {{ nested.a.x.y is defined }}
{{ nested.a.x is defined }} {{ (nested.x | default({})).y is defined }} {{ d.y[1].z is none }} {{ d.y.1 }} {{ l.0 }}
{{ raise_exception('No such role: ' ~ a) }}
{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%d %H:%M:%S') }}
{{ "a\tb\n\\n\x41\u00e9\'\"" }} {{ 'single \'quoted\'' }} {{ "\z" }}
{{ a
   + 1 }} {%- if t -%}   trimmed   {%- endif -%}   end
  {% if t %}
  indented
    {% for i in [1, 2] %}
    {{ i }}
    {% endfor %}
  {% endif %}
after
    {%+ if t %}kept{% endif +%}
next {%- set k = 1 %}
{{ k -}}
  tail
{{- ' lead' }}
{% if a == 1 %}one{% elif a == 7 %}seven{% elif true %}x{% else %}other{% endif %}{% if false %}{% else %}else{% endif %}
{{ dict(a=1, b=2) }} {{ dict([('x', 1)]) }} {{ [1, 2, 3,] }} {{ {'a': 1,} }} {{ {'a': 1}.a }} {{ [1, 2][0] }} {{ 'abc'[1] }} {{ ('a', 'b')[1] }}
{{ loop is defined }} {{ true and not false }} {{ True }} {{ None }} {{ False }} {{ 1_000 }} {{ 1.5e3 }} {{ 0x }}
{% for m in r %}{{ loop.changed(m.on) }} {% endfor %}{{ namespace(a=1).a }}
{% bogus %}
{{ x | nofilter }}
{{ x is notest }}
{{ (1 + 2 }}
{% if t %}unclosed
{{ 'unterminated }}
{% for %}{% endfor %}
{% endif %}
{{ }}
{{ 1 2 }}
""".strip("\n")

MULTI = [
    "line\n\n{% if t %}\n\nbody\n\n{% endif %}\n\nend\n",
    "a\r\nb\r{{ a }}\r\n", "{{ a }}\n\n\n", "\n{{ a }}\n", "  {{ a }}  \n  {# c #}\n  x", "\t{%- if t %}\n x\n{%- endif %}\ny",
    "{%- for i in l %}\n  {{- i }}\n  {%- if not loop.last %}, {% endif %}\n{%- endfor %}\n",
    "x {% if t %} y {% endif %} z", "  {% set v = 1 %}  {% set w2 = 2 %}\n{{ v }}{{ w2 }}", "{% if t -%}\n\n  a\n{%- else -%} b {%- endif %}",
]

CHAT = {
    "chatml": "{% for message in messages %}\n{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}\n{% endfor %}\n{% if add_generation_prompt %}\n{{ '<|im_start|>assistant\\n' }}\n{% endif %}",
    "header": "{{- bos_token }}\n{%- if messages[0]['role'] == 'system' %}\n    {%- set system = messages[0]['content'] | trim %}\n    {%- set rest = messages[1:] %}\n{%- else %}\n    {%- set system = '' %}\n    {%- set rest = messages %}\n{%- endif %}\n{%- if system or tools is not none %}\n    {{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}\n    {{- 'Today Date: ' + strftime_now('%d %b %Y') + '\\n' }}\n    {%- if tools %}\n        {%- for t in tools %}\n            {{- t | tojson(indent=4) }}\n            {{- '\\n\\n' }}\n        {%- endfor %}\n    {%- endif %}\n    {{- system + '<|eot_id|>' }}\n{%- endif %}\n{%- for message in rest %}\n    {%- if 'tool_calls' in message %}\n        {%- if message.tool_calls | length != 1 %}\n            {{- raise_exception('One call at a time.') }}\n        {%- endif %}\n        {%- set call = message.tool_calls[0].function %}\n        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n{\"name\": \"' + call.name + '\", \"parameters\": ' }}{{- call.arguments | tojson }}{{- '}<|eot_id|>' }}\n    {%- elif message.role == 'tool' %}\n        {{- '<|start_header_id|>ipython<|end_header_id|>\\n\\n' }}\n        {%- if message.content is mapping or message.content is iterable %}\n            {{- message.content | tojson }}\n        {%- else %}\n            {{- message.content }}\n        {%- endif %}\n        {{- '<|eot_id|>' }}\n    {%- else %}\n        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}\n    {%- endif %}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n{%- endif %}",
    "thinking": "{%- if tools %}\n    {{- '<|im_start|>system\\n' }}\n    {%- if messages[0].role == 'system' %}\n        {{- messages[0].content + '\\n\\n' }}\n    {%- endif %}\n    {{- '# Functions\\n<tools>' }}\n    {%- for tool in tools %}\n        {{- '\\n' }}\n        {{- tool | tojson }}\n    {%- endfor %}\n    {{- '\\n</tools><|im_end|>\\n' }}\n{%- endif %}\n{%- set ns = namespace(searching=true, last=messages|length - 1) %}\n{%- for message in messages[::-1] %}\n    {%- set index = (messages|length - 1) - loop.index0 %}\n    {%- if ns.searching and message.role == 'user' and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}\n        {%- set ns.searching = false %}\n        {%- set ns.last = index %}\n    {%- endif %}\n{%- endfor %}\n{%- for message in messages %}\n    {%- set content = message.content if message.content is string else '' %}\n    {%- if message.role == 'assistant' %}\n        {%- set reasoning = '' %}\n        {%- if message.reasoning_content is string %}\n            {%- set reasoning = message.reasoning_content %}\n        {%- elif '</think>' in content %}\n            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}\n            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}\n        {%- endif %}\n        {%- if loop.index0 > ns.last and (loop.last or reasoning) %}\n            {{- '<|im_start|>assistant\\n<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}\n        {%- else %}\n            {{- '<|im_start|>assistant\\n' + content }}\n        {%- endif %}\n        {%- if message.tool_calls %}\n            {%- for call in message.tool_calls %}\n                {%- if (loop.first and content) or (not loop.first) %}{{- '\\n' }}{%- endif %}\n                {%- if call.function %}{%- set call = call.function %}{%- endif %}\n                {{- '<tool_call>\\n{\"name\": \"' }}{{- call.name }}{{- '\", \"arguments\": ' }}\n                {%- if call.arguments is string %}{{- call.arguments }}{%- else %}{{- call.arguments | tojson }}{%- endif %}\n                {{- '}\\n</tool_call>' }}\n            {%- endfor %}\n        {%- endif %}\n        {{- '<|im_end|>\\n' }}\n    {%- elif message.role == 'tool' %}\n        {%- if loop.first or (messages[loop.index0 - 1].role != 'tool') %}{{- '<|im_start|>user' }}{%- endif %}\n        {{- '\\n<tool_response>\\n' + content + '\\n</tool_response>' }}\n        {%- if loop.last or (messages[loop.index0 + 1].role != 'tool') %}{{- '<|im_end|>\\n' }}{%- endif %}\n    {%- else %}\n        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}\n    {%- endif %}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}\n{%- endif %}",
    "alternating": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}",
    "parts": "{%- macro show(content) -%}{%- if content is string -%}{{ content }}{%- else -%}{%- for part in content -%}{%- if part.type == 'text' -%}{{ part['text'] }}{%- else -%}<{{ part.type }}>{%- endif -%}{%- endfor -%}{%- endif -%}{%- endmacro -%}{%- for message in messages -%}[{{ message.role | upper }}] {{ show(message.content) }}\n{% endfor -%}",
}

MESSAGES = [
    [{"role": "user", "content": "Hello"}],
    [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "Hi\nthere "}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes"}, {"role": "user", "content": "Bye é😀"}],
    [{"role": "user", "content": "W?"}, {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"x": 1, "y": [None, "é"]}}}]}, {"role": "tool", "content": "42"}, {"role": "tool", "content": "43"}, {"role": "assistant", "content": "done", "reasoning_content": "thought"}],
    [{"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image"}]}],
]
TOOLS = [{"type": "function", "function": {"name": "f", "description": "d \"q\"", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}}]


def expression(rng, depth):
    """A random expression over DATA; most of them have a value, some fail: both are compared."""
    leaf = lambda: rng.choice(["a", "b", "f", "s", "u", "e", "n", "t", "z", "l", "w", "d", "missing", "1", "2.5", "'x'", "true", "none", "[1, 'b']", "d.x", "l[1]", "r[0].name", "nested.a.b.c"])
    if depth == 0: return leaf()
    inner = lambda: expression(rng, depth - 1)
    return rng.choice([
        leaf, lambda: f"({inner()} {rng.choice('+ - * // % ~ == != < >= in and or'.split())} {inner()})", lambda: f"({inner()} not in {inner()})",
        lambda: f"(not {inner()})", lambda: f"({inner()} if {inner()} else {inner()})", lambda: f"[{inner()}, {inner()}]", lambda: f"{{'k': {inner()}}}",
        lambda: f"({inner()} | {rng.choice('string length upper trim list first last sort join tojson int abs title default'.split())})",
        lambda: f"({inner()} is {rng.choice('defined none string number mapping sequence iterable odd true'.split())})",
        # Of variables only: Jinja2 folds constants, and then slices what has no slices.
        lambda: f"{rng.choice('s l u w d a f n missing'.split())}[{rng.choice(['0', '-1', '1:', '::-1', ':2'])}]",
    ])()


def case(template, variables):
    try:
        return {"template": template, "variables": variables, "expected": ENVIRONMENT.from_string(template).render(**variables)}
    except Exception as problem:
        kind = "syntax" if isinstance(problem, jinja2.exceptions.TemplateSyntaxError) else "runtime"
        message = str(problem) if type(problem) is jinja2.exceptions.TemplateError else None
        return {"template": template, "variables": variables, "fails": kind, "message": message}


def snippets():
    """SNIPPETS by line, but for those that begin as one of several lines does."""
    heights = {"{# a comment": 3, "{% set block": 2, "  {% if t %}": 12}
    lines, out = SNIPPETS.split("\n"), []
    while lines:
        height = 2 if lines[0] == "{{ a" else next((n for start, n in heights.items() if lines[0].startswith(start)), 1)
        out.append("\n".join(lines[:height]))
        lines = lines[height:]
    return out


def main():
    rng = random.Random(20260305)
    small = snippets() + MULTI + ["{{ " + expression(rng, rng.randrange(1, 4)) + " }}" for _ in range(600)]
    cases = []
    for template in small:
        made = case(template, DATA)
        # A repr of an undefined value, or an object's address, is nobody's contract.
        if "Undefined" in made.get("expected", "") or " at 0x" in made.get("expected", "") or "dict_" in made.get("expected", ""): continue
        made["variables"] = None
        cases.append(made)
    for name, template in CHAT.items():
        for messages in MESSAGES:
            for extra in ({"add_generation_prompt": True, "tools": None}, {"add_generation_prompt": False, "tools": TOOLS}, {"add_generation_prompt": True, "tools": TOOLS, "enable_thinking": False}):
                cases.append(case(template, {"messages": messages, "bos_token": "<s>", "eos_token": "</s>", **extra}))
    shared = {"source": f"make_jinja_goldens.py, jinja2 {jinja2.__version__}", "now": NOW.isoformat(), "data": DATA, "cases": cases}
    (HERE / "goldens.json").write_text(json.dumps(shared, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n")
    print(len(cases), "cases,", sum("fails" in c for c in cases), "of them fail")


if __name__ == "__main__":
    main()
