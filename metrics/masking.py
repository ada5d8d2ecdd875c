"""Secrets in lines that programs print, replaced before the lines are kept. Pure."""

import re

from activity.masking import MASK

NAMED = re.compile(
    r"""(?ix)
    (?<![\w.-])
    ( [\w.-]*? (?: pass(?:word|wd|phrase)? | pwd | secret | token | api[_-]?key | access[_-]?key | private[_-]?key
                 | credential s? | auth(?:orization)?(?![a-z]) | session[_-]?id | cookie | dsn ) [\w.-]*+
      (?<!error)(?<!exception)
      \\*+ ["']? \s*+ [:=]++ >? \s*+ (?: (?:bearer|basic|token) \s++ )? )
    ( \\+" [^"]*+ "? | [bru]* " (?:[^"\\]|\\.)*+ "? | [bru]* ' (?:[^'\\]|\\.)*+ '? | [^\s,;&"'}\])]+ )
    """
)
POSITION = re.compile(r"(?i)\S+\.(?:cc?|cpp|cs|exs?|go|java|[cm]?jsx?|kt|lua|php|p[ly]|rb|rs|scala|sh|tsx?):[\d:]+")
IN_ADDRESS = re.compile(r"""(?i)\b([a-z][a-z0-9+.-]*://[^\s:/@]*:)(?:[^\s/"']+|[^\s/@]+)@""")
BARE = re.compile(
    r"""(?x)
    \b(?: eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?           # a JSON web token
        | (?:AKIA|ASIA)[0-9A-Z]{16}                      # of AWS
        | gh[pousr]_\w{20,} | github_pat_\w{20,}         # of GitHub
        | glpat-[\w-]{16,} | xox[abeoprs]-[\w-]{10,}     # of GitLab, of Slack
        | sk-[\w-]{16,} | [sr]k_(?:live|test)_\w{10,}    # of AI services, of Stripe
        | tomo_\w+_[\w-]{40,} )
    """
)
KEY_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
KEY_ENDS = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
OPTION = re.compile(
    r"(?i)(--?(?:pass(?:word|wd|phrase)?|pwd|secret|token|api-?key)[ =]+)(?:\"[^\"]*\"|'[^']*'|[^\s'\"]+)"
)
ELEMENT = re.compile(r"(?i)(<(?:\w*pass(?:word|wd)?|secret|token|api-?key)>)[^<]+")
BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
# Each of the patterns above finds nothing in a line without one of these, in lower case.
TELLING = (
    "pass pwd secret token key cred auth session cookie dsn :// bearer basic"
    " eyj akia asia ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xox sk- k_live_ k_test_ tomo_"
).split()


def masked(lines: list[str]) -> list[str]:
    """The lines without what looks like a secret: values of telling names, passwords in addresses, well-known sorts of
    tokens, private keys with all their lines."""
    found: list[str] = []
    is_key = False
    for line in lines:
        begins, ends = bool(KEY_BEGINS.search(line)), bool(KEY_ENDS.search(line))
        if ends and not begins and not is_key:  # it began above the first line
            found, is_key = [MASK] * len(found), True
        found.append(MASK if is_key or begins else _masked(line))
        is_key = (is_key or begins) and not ends
    return found


def _masked(line: str) -> str:
    lowered = line.lower()
    if not any(word in lowered for word in TELLING):
        return line
    line = BEARER.sub(rf"\1 {MASK}", line)
    line = NAMED.sub(_without_value, line)
    line = OPTION.sub(rf"\1{MASK}", line)
    line = ELEMENT.sub(rf"\1{MASK}", line)
    line = IN_ADDRESS.sub(rf"\1{MASK}@", line)
    return BARE.sub(MASK, line)


def _without_value(found: re.Match[str]) -> str:
    """A telling name without its value; a place in a source file, such as token.js:12:3, is none."""
    return found[0] if POSITION.fullmatch(found[0]) else found[1] + MASK
