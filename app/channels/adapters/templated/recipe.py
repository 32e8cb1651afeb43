"""The string to sign and the signature over it, for what we send and for what we hear.

Of our own texts no two mean different things. `pairs`: a value holds no "&", a name neither "&" nor "=", nothing is empty,
so the text falls apart at "&" and each piece at its first "=" in one way only. `parts`: only the body may hold the
separator. A recipe of a channel that gives this up says so (`warnings` in `checking`).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

from app.channels.adapters.templated.description import Digest, Recipe, SignedText, Written
from app.channels.contract import Unreadable
from app.kernel import signing

HIDDEN = "******"


def unjoined(value: str) -> str:
    """A value that stays one value between two "&"."""
    return value.replace("&", "＆")


def pairs(recipe: Recipe, fields: Mapping[str, str], key: str) -> str:
    """`key` is the secret, or what stands in its place where the text is shown."""
    text = signing.sorted_pairs(fields, leave_out=frozenset({recipe.field, *recipe.unsigned}))
    return text if recipe.key_joiner is None else f"{text}{recipe.key_joiner}{key}"


def parts(
    recipe: Recipe, known: Mapping[str, str], headers: Mapping[str, str], settings: Mapping[str, str], key: str
) -> str:
    """`known`: method, path and body of this exchange; header names in lower case."""
    pieces = []
    for part in recipe.parts:
        kind, _, name = part.source.partition(".")
        if part.source == "secret":
            piece = key
        elif kind == "header":
            piece = headers.get(name.lower(), "")
        elif kind == "account":
            piece = settings[name]
        else:
            piece = known[part.source] if part.source else part.constant
        if recipe.separator and recipe.separator in piece and part.source not in ("body", "secret"):
            raise Unreadable("待签名的内容里有分隔符")
        pieces.append(piece)
    return recipe.separator.join(pieces) + recipe.ending


def sign(recipe: Recipe, text: str, key: str) -> str:
    data = _bytes(recipe, text)
    if recipe.digest is Digest.RSA_SHA256:
        return signing.rsa_sign(data, key)
    return _written(recipe, _digest(recipe, data, key))


def is_signed(recipe: Recipe, text: str, signature: str, key: str) -> bool:
    """Constant in time over the signature."""
    data = _bytes(recipe, text)
    if recipe.digest is Digest.RSA_SHA256:
        return signing.rsa_verify(data, signature, key)
    return signing.same(signature, _written(recipe, _digest(recipe, data, key)))


def _bytes(recipe: Recipe, text: str) -> bytes:
    """A body was decoded with its stray bytes kept; half a character, which JSON can carry, makes a wrong signature."""
    return text.encode("utf-8", "surrogateescape" if recipe.text is SignedText.PARTS else "surrogatepass")


def _digest(recipe: Recipe, data: bytes, key: str) -> bytes:
    if recipe.digest is Digest.HMAC_SHA256:
        return hmac.new(key.encode(), data, hashlib.sha256).digest()
    return hashlib.new(str(recipe.digest), data, usedforsecurity=False).digest()


def _written(recipe: Recipe, digest: bytes) -> str:
    if recipe.written is Written.BASE64:
        return base64.b64encode(digest).decode()
    return digest.hex().upper() if recipe.written is Written.UPPER else digest.hex()


def is_ambiguous(recipe: Recipe) -> bool:
    """May one text of this recipe stand for two different messages?"""
    if recipe.text is SignedText.PAIRS:
        return recipe.keeps_ampersand
    bodies = sum(part.source == "body" for part in recipe.parts)
    return recipe.text is SignedText.PARTS and len(recipe.parts) > 1 and (recipe.separator != "\n" or bodies > 1)
