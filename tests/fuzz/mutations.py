"""Ways to damage a file: its bytes, or the structure that it is read by."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]

_ODD_TEXTS = (
    "", " ", "0", "-1", "1e308", "-1e308", "1e-320", "nan", "inf", "-inf", "1,5", "0x10", "9" * 400, "x" * 400, "NaN",
    "null", "\x00", "\x1b]0;title\x07", "../../escape.json", "/etc/passwd", "..\\..\\x", "unknown", "=1+1", "\ud7ff",
    "\u202e", "a\nb", '"', "[" * 3000, "true", "2**70", "1_000", "\N{MATHEMATICAL BOLD DIGIT ONE}",
    "\N{GRINNING FACE}" * 50,
)  # fmt: skip


_DEEP = "nested too deeply for Python's own JSON to write"


def _odd_values(rng: np.random.Generator) -> Any:
    values: list[Callable[[], Any]] = [
        lambda: None,
        lambda: True,
        lambda: 0,
        lambda: -1,
        lambda: 2**31,
        lambda: 2**63,
        lambda: 10**400,
        lambda: 1e308,
        lambda: -1e308,
        lambda: 5e-324,
        lambda: 1e18,
        list,
        dict,
        lambda: [[]],
        lambda: {"x": 1},
        lambda: [0.0] * 5000,
        lambda: _DEEP,
        lambda: _odd_text(rng),
        lambda: _odd_text(rng),
        lambda: _odd_text(rng),
    ]
    return values[rng.integers(len(values))]()


def _odd_text(rng: np.random.Generator) -> str:
    return _ODD_TEXTS[rng.integers(len(_ODD_TEXTS))]


def damage_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip, cut, repeat, insert or overwrite a few bytes."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        if not data:
            break
        at = int(rng.integers(len(data)))
        n = int(min(len(data) - at, 2 ** rng.integers(0, 12)))
        match rng.integers(8):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at : at + 1] = rng.bytes(1)
            case 2:
                del data[at:]
            case 3:
                del data[at : at + n]
            case 4:
                data[at:at] = data[at : at + n]
            case 5:
                data[at:at] = rng.bytes(min(n, 64))
            case 6:
                data[at : at + n] = bytes([int(rng.choice([0, 255, 127]))]) * n
            case _:
                n = int(rng.choice([2, 4, 8]))
                extreme = (0, 1, 2 ** (8 * n - 1), 2 ** (8 * n) - 1)[rng.integers(4)]
                data[at : at + n] = extreme.to_bytes(n, "little")
    return bytes(data)


def damage_json(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace, remove or repeat values anywhere in a JSON document, or put an odd value in place of all of it."""
    document = json.loads(content)
    for _ in range(rng.integers(1, 4)):
        document = _damage_value(document, rng)
    return _to_json(document)


def damage_json_line(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage one or a few of the lines of JSON that a file consists of."""
    lines = content.splitlines()
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(lines))) if rng.random() < 0.7 else 0
        match rng.integers(5):
            case 0:
                lines.insert(at, lines[int(rng.integers(len(lines)))])
            case 1 if len(lines) > 1:
                del lines[at]
            case 2:
                lines[at] = damage_bytes(lines[at], rng)
            case _:
                with contextlib.suppress(ValueError, RecursionError):
                    lines[at] = damage_json(lines[at], rng)
    return b"\n".join(lines) + b"\n"


def _to_json(document: Any) -> bytes:
    content = json.dumps(document).encode()
    return content.replace(b"Infinity", b"1e999").replace(json.dumps(_DEEP).encode(), b"[" * 3000 + b"]" * 3000)


def _damage_value(document: Any, rng: np.random.Generator) -> Any:
    """Walk down to a value at random, and change it."""
    if not isinstance(document, dict | list) or not document or rng.random() < 0.15:
        return _odd_values(rng)
    damaged = copy.copy(document)
    key = list(damaged)[rng.integers(len(damaged))] if isinstance(damaged, dict) else int(rng.integers(len(damaged)))
    match rng.integers(12):
        case 0:
            del damaged[key]
        case 1:
            if isinstance(damaged, list):
                damaged.insert(key, damaged[key])
            else:
                damaged[_odd_text(rng)] = damaged[key]
        case _:
            damaged[key] = _damage_value(damaged[key], rng)
    return damaged


def damage_table(content: bytes, rng: np.random.Generator) -> bytes:
    """Change fields, columns and lines of a comma-separated table."""
    rows = [line.split(",") for line in content.decode().splitlines()]
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(rows)))
        row = rows[at]
        field = int(rng.integers(len(row)))
        match rng.integers(8):
            case 0:
                del row[field:]
            case 1:
                row.insert(field, _odd_text(rng))
            case 2:
                rows.insert(at, list(row))
            case 3 if len(rows) > 1:
                del rows[at]
            case 4:
                row[field] = '"' + row[field]
            case _:
                row[field] = _odd_text(rng)
        rows = [row or [""] for row in rows]
    separator = "," if rng.random() < 0.8 else str(rng.choice([";", "\t", ";;", " "]))
    end = "\n" if rng.random() < 0.8 else str(rng.choice(["\r", "\r\n", "\n\n", "\x00\n"]))
    encoding = "utf-8" if rng.random() < 0.9 else str(rng.choice(["utf-8-sig", "utf-16", "utf-32"]))
    return end.join(separator.join(row) for row in rows).encode(encoding, "replace")


def damage_text(content: bytes, rng: np.random.Generator) -> bytes:
    """Change words and lines of a text."""
    lines = content.decode().splitlines()
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(lines)))
        name, sign, value = lines[at].partition("=")
        match rng.integers(6):
            case 0:
                lines.insert(at, lines[at])
            case 1:
                lines[at] = name
            case 2:
                lines[at] = f"{_odd_text(rng)} {sign} {value}"
            case 3:
                lines[at] = f"[{_odd_text(rng)}]"
            case 4:
                lines[at] = f"{name}{sign} {json.dumps(_odd_values(rng))}"
            case _:
                lines[at] = f'{name}{sign} "{_odd_text(rng)}"'
    return "\n".join(lines).encode("utf-8", "replace")


def damage_arrays(content: bytes, rng: np.random.Generator) -> bytes:
    """Give arrays of an ``.npz`` file other types, shapes and values, or headers that promise more than there is."""
    with np.load(io.BytesIO(content)) as file:
        arrays = {name: file[name] for name in file}
    members = {}
    for name, array in arrays.items():
        members[name] = _npy(array)
    for _ in range(rng.integers(1, 3)):
        name = list(arrays)[rng.integers(len(arrays))]
        members[name] = _damage_array(arrays[name], rng)
        if rng.random() < 0.1:
            del members[name], arrays[name]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return out.getvalue()


def _damage_array(array: Any, rng: np.random.Generator) -> bytes:
    match rng.integers(9):
        case 0:
            kind = str(rng.choice(["<f2", "<f8", "<i1", "<i8", ">u4", "<c16", "?", "<U7", "S3", "<M8[s]"]))
            with contextlib.suppress(ValueError, TypeError), np.errstate(all="ignore"):
                return _npy(array.astype(kind))
            return _npy(np.zeros(array.shape, dtype=kind))
        case 1:
            return _npy(array[..., None] if rng.random() < 0.5 else array.reshape(-1))
        case 2:
            return _npy(array[: len(array) // 2] if array.ndim else np.zeros(3))
        case 3:
            return _npy(np.empty((0, *array.shape[1:]), array.dtype))
        case 4 if array.dtype.kind in "fiu" and array.size:
            changed = array.astype(array.dtype, copy=True).reshape(-1)
            odd = [np.nan, np.inf, -np.inf, 1e38, -1, 0] if array.dtype.kind == "f" else [0, np.iinfo(array.dtype).max]
            changed[rng.integers(changed.size, size=min(5, changed.size))] = rng.choice(odd)
            return _npy(changed.reshape(array.shape))
        case 5:  # promises 91 TiB
            return _npy_header(array.dtype.str, (100_000_000, 1_000_000)) + bytes(64)
        case 6:  # zeros that weigh nothing while they are packed
            n_bytes = 2_200_000_000 if rng.random() < 0.1 else 64_000_000
            return _npy_header("|u1", (n_bytes,)) + bytes(min(n_bytes, 64_000_000))
        case 7:
            return _npy_header("|O", array.shape) + b"\x80\x04cposix\nsystem\n."
        case _:
            return damage_bytes(_npy(array), rng)


def _npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asanyarray(array), allow_pickle=False)
    return out.getvalue()


def _npy_header(kind: str, shape: tuple[int, ...]) -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape!r}, }}"
    text = text.ljust(-(-(len(text) + 11) // 64) * 64 - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def damage_archive(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage, rename, remove or blow up a member of a zip file, which stays a whole zip file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    at = int(rng.integers(len(members)))
    name, data = members[at]
    match rng.integers(6):
        case 0:
            del members[at]
        case 1:
            members[at] = (_odd_text(rng).replace("\x00", "") or "x", data)
        case 2:
            members[at] = (name, bytes(100_000_000))
        case _:
            members[at] = (name, damage_bytes(data, rng))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content_of_member in members:
            archive.writestr(member, content_of_member)
    return out.getvalue()


def choose(mutations: Sequence[Mutation], content: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one of several ways."""
    return mutations[rng.integers(len(mutations))](content, rng)
