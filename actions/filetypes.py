"""What a file is, by its content: the few kinds that are taken from citizens, and nothing else.

What the platform or the file's name says is not believed. The marks are those of the formats'
own documents: JPEG (ITU-T T.81), PNG (W3C), GIF89a, WebP (Google), PDF (ISO 32000), Ogg (RFC 3533)
with Opus (RFC 7845) or Vorbis, MPEG audio (ISO 11172-3) with or without ID3, AAC in ADTS
(ISO 13818-7), AMR (RFC 4867), and the ISO base media files (ISO 14496-12) MP4, M4A and 3GP
(3GPP TS 26.244). Pages, drawings with scripts (SVG), office files, archives and programs have no
place here: a browser or an office program would run what is in them.
"""

from __future__ import annotations

#: Bytes of the file's beginning that are looked at.
HEAD = 4_096

_MB = 1024 * 1024

#: The most that is taken of any file, in bytes; Telegram gives bots no file beyond 20 MB.
MOST = 20 * _MB
#: The most of a picture: several times what a telephone's camera makes.
MOST_IMAGE = 10 * _MB

IMAGES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
AUDIO = frozenset(
    {"audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "audio/amr-wb", "audio/3gpp"}
)
VIDEO = frozenset({"video/mp4", "video/3gpp"})
TAKEN = IMAGES | AUDIO | VIDEO | {"application/pdf"}

_MP4_BRANDS = frozenset(
    "isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 mp41 mp42 mp71 avc1 dash MSNV mmp4 M4V".split()
)
_M4A_BRANDS = frozenset({"M4A", "M4B"})

#: Declared types of which nothing is known: the content will tell.
_UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/unknown"})
_DECLARED = frozenset({"application/pdf", "application/x-pdf", "application/ogg"})

#: kbit/s by the four bits of an MPEG audio header, for version 1 and versions 2 and 2.5, layer III.
_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def may_be_taken(declared: str) -> bool:
    """Whether a declared media type leaves it open that the file is one of ours; a type that is
    plainly another need not be fetched to be refused."""
    kind = declared.partition(";")[0].strip().lower()
    if kind in TAKEN or kind in _UNTOLD or kind in _DECLARED:
        return True
    family = kind.partition("/")[0]
    return family in ("audio", "video", "image") and "svg" not in kind


def most_of(mime: str) -> int:
    """The most bytes that are taken of a file of this type, whether declared or seen."""
    return MOST_IMAGE if mime.partition(";")[0].strip().lower().startswith("image/") else MOST


def type_of(head: bytes, *, sound: bool = False) -> str | None:
    """The media type that a file's first `HEAD` bytes show, or None when it is not one of ours.

    `sound`: the platform calls it audio; that decides between sound and film where a container
    holds either.
    """
    return _picture_or_page(head) or _ogg(head) or _container(head, sound) or _stream(head)


def _picture_or_page(head: bytes) -> str | None:
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
        return "image/png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP" and head[12:15] == b"VP8":
        return "image/webp"
    # Some writers put a byte order mark or empty lines in front.
    if head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\t ").startswith(b"%PDF-"):
        return "application/pdf"
    return None


def _ogg(head: bytes) -> str | None:
    if not head.startswith(b"OggS\x00") or len(head) < 28:
        return None
    packet = head[27 + head[26] :]
    return "audio/ogg" if packet.startswith((b"OpusHead", b"\x01vorbis")) else None


def _container(head: bytes, sound: bool) -> str | None:
    if head[4:8] != b"ftyp" or not 12 <= int.from_bytes(head[:4], "big") <= HEAD:
        return None
    brand = head[8:12].decode("ascii", "replace").strip()
    if brand in _M4A_BRANDS:
        return "audio/mp4"
    if brand.startswith(("3gp", "3g2")):
        return "audio/3gpp" if sound else "video/3gpp"
    if brand in _MP4_BRANDS:
        return "audio/mp4" if sound else "video/mp4"
    return None


def _stream(head: bytes) -> str | None:
    if head.startswith(b"#!AMR-WB\n"):
        return "audio/amr-wb"
    if head.startswith(b"#!AMR\n"):
        return "audio/amr"
    if head.startswith(b"ID3") and len(head) > 10 and all(byte < 0x80 for byte in head[6:10]):
        return "audio/mpeg"
    # Two bytes alone would fit much else: the next frame must begin where this one says it ends.
    for length_of, mime in ((_mp3_frame, "audio/mpeg"), (_adts_frame, "audio/aac")):
        length = length_of(head)
        if length and length_of(head[length:]):
            return mime
    return None


def _mp3_frame(data: bytes) -> int:
    """Bytes of the layer III frame at the beginning, 0 when there is none."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return 0
    version, layer = data[1] >> 3 & 3, data[1] >> 1 & 3
    rate, samples = data[2] >> 4, data[2] >> 2 & 3
    if version == 1 or layer != 1 or rate in (0, 15) or samples == 3:
        return 0
    bits = (_RATES_1 if version == 3 else _RATES_2)[rate] * 1000
    per_frame = 144 if version == 3 else 72
    return per_frame * bits // _SAMPLES[version][samples] + (data[2] >> 1 & 1)


def _adts_frame(data: bytes) -> int:
    """Bytes of the ADTS frame at the beginning, 0 when there is none."""
    if len(data) < 7 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0 or data[2] >> 2 & 15 > 12:
        return 0
    length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    return length if length > 7 else 0
