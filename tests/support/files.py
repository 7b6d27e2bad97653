"""Small files of every kind that citizens send, whole enough to show what they are."""

from __future__ import annotations

import struct


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def _mp4(brand: bytes) -> bytes:
    moov = _box(b"moov", b"\0" * 32)
    return _box(b"ftyp", brand + b"\0\0\x02\0" + brand + b"isom") + moov + _box(b"mdat", b"\1" * 64)


def _ogg(packet: bytes) -> bytes:
    page = b"OggS\0\x02" + b"\0" * 20 + b"\x01" + bytes([len(packet)]) + packet
    return page + b"OggS\0\x04" + b"\0" * 80


def _adts() -> bytes:
    frame = bytes([0xFF, 0xF1, 0x50, 0x80, 0x04, 0x00, 0xFC])  # 32 bytes long
    return (frame + b"\0" * 25) * 4


JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\0\0\1\0\1\0\0" + b"\x11" * 200 + b"\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 60
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
OPUS = _ogg(b"OpusHead\x01\x01" + b"\0" * 9)

#: Name, content, whether the platform calls it sound, and the type that it is.
TAKEN: tuple[tuple[str, bytes, bool, str], ...] = (
    ("jpeg", JPEG, False, "image/jpeg"),
    ("jpeg of a camera", b"\xff\xd8\xff\xe1\0\x10Exif\0\0MM" + b"\0" * 60, False, "image/jpeg"),
    ("jpeg without a header", b"\xff\xd8\xff\xdb\0\x43" + b"\0" * 80, False, "image/jpeg"),
    ("png", PNG, False, "image/png"),
    ("gif", b"GIF89a" + b"\0" * 40, False, "image/gif"),
    ("webp", b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 40, False, "image/webp"),
    ("webp, lossless", b"RIFF\x24\0\0\0WEBPVP8L" + b"\0" * 40, False, "image/webp"),
    ("pdf", PDF, False, "application/pdf"),
    ("pdf after empty lines", b"\xef\xbb\xbf\r\n\r\n" + PDF, False, "application/pdf"),
    ("voice note", OPUS, True, "audio/ogg"),
    ("vorbis", _ogg(b"\x01vorbis" + b"\0" * 23), True, "audio/ogg"),
    ("mp3 with a tag", b"ID3\x03\0\0\0\0\0\x0a" + b"\0" * 400, True, "audio/mpeg"),
    ("mp3", (b"\xff\xfb\x90\x64" + b"\0" * 413) * 12, True, "audio/mpeg"),
    ("mp3 of few kbit/s", (b"\xff\xf3\x48\xc4" + b"\0" * 140) * 30, True, "audio/mpeg"),
    ("aac", _adts(), True, "audio/aac"),
    ("amr", b"#!AMR\n" + b"\0" * 40, True, "audio/amr"),
    ("amr, wide band", b"#!AMR-WB\n" + b"\0" * 40, True, "audio/amr-wb"),
    ("m4a", _mp4(b"M4A "), True, "audio/mp4"),
    ("mp4 that is sound", _mp4(b"mp42"), True, "audio/mp4"),
    ("mp4", _mp4(b"isom"), False, "video/mp4"),
    ("mp4 of another maker", _mp4(b"avc1"), False, "video/mp4"),
    ("3gp", _mp4(b"3gp4"), False, "video/3gpp"),
    ("3gp that is sound", _mp4(b"3gp5"), True, "audio/3gpp"),
)

_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

#: What is refused, whatever it is called.
REFUSED: tuple[tuple[str, bytes], ...] = (
    ("nothing", b""),
    ("text", b"hello"),
    ("page", b"<!doctype html><script>alert(1)</script>"),
    ("page that names a pdf", b"<html>%PDF-1.4</html>"),
    ("page after two bytes of sound", b"\xff\xfb\x90\x64<html><script>alert(1)</script>" * 99),
    ("short page after two bytes of sound", b"\xff\xfb\x90\x64<script>alert(1)</script>"),
    ("svg", _SVG),
    ("svg after a declaration", b'<?xml version="1.0"?>' + _SVG),
    ("archive or office file", b"PK\x03\x04" + b"\0" * 60),
    ("old office file", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 60),
    ("rich text", b"{\\rtf1\\ansi}"),
    ("windows program", b"MZ" + b"\0" * 100),
    ("unix program", b"\x7fELF" + b"\0" * 100),
    ("script", b"#!/bin/sh\nrm -rf /\n"),
    ("film of another kind", _mp4(b"qt  ")),
    ("picture of another kind", _mp4(b"heic")),
    ("webm", b"\x1a\x45\xdf\xa3" + b"\0" * 60),
    ("wave", b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40),
    ("film in ogg", _ogg(b"\x80theora" + b"\0" * 33)),
    ("animated sticker", b"\x1f\x8b\x08\0" + b"\0" * 40),
    ("half a png", b"\x89PNG\r\n\x1a\n"),
    ("half a jpeg", b"\xff\xd8"),
    ("zeroes", b"\0" * 5000),
)
