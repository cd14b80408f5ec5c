"""The values that software stumbles over, as plain tables; each begins with its simplest. Knows no strategy."""

from __future__ import annotations

from base64 import urlsafe_b64encode

LONGEST = 2**16 + 1
"""The longest text of the tables, in characters: one more than 64 KiB."""

SHORT = (
    *("", "a", "0", "abc", "A", " ", "\t", "a b", "null", "true", "-0", "NaN", "1e309", "[]", "{}", '"', "'", "\\"),
    *("9007199254740993", "4294967296", "18446744073709551616", "-9223372036854775809"),
)
INTERNATIONAL = (
    *(
        "é",
        "e\u0301",
        "ß",
        "İ",
        "ı",
        "ﬁ",
        "Ǆ",
        "Ω",
        "ключ",
        "日本",
        "नमस्ते",
        "שלום مرحبا",
        "a" + "\u0301" * 64,
        "\u0301",
    ),
    *("🎸", "𝄞", "👩‍💻", "🇬🇷", "a🎸b", "\U0010ffff", "\ud7ff", "\ue000", "\uffff", "\ufffd", "\u2028", "\u0085"),
    *("\u200b", "\ufeff", "\ufeffabc", "\u202eabc\u202c", "\u2066abc\u2069", "ѕecret", "abc\u00a0"),
)
HOSTILE = (
    *("\0", "a\0b", "abc\0", "\x01", "\x1b[31m", "\x7f", "\n", "\r\n", "abc\n", "\b\f", "%00", "%", "%zz", "%F0%9F"),
    *("X-Admin: 1", "a\r\nSet-Cookie: a=b", "\r\n\r\nHTTP/1.1 200 OK", "Authorization: Bearer abc"),
    *("../../etc/passwd", "..\\..\\win.ini", "%2e%2e%2fetc%2fpasswd", "/etc/passwd", "file:///etc/passwd", ".", ".."),
    *("' OR '1'='1", "1; DROP TABLE users--", "admin'--", '" OR ""="', "<script>alert(1)</script>", "]]>"),
    *("{{7*7}}", "${7*7}", "#{7*7}", "$(id)", "`id`", "%s%n", "%x" * 16, "__proto__", "constructor", '{"a":1}'),
    *("(a+)+$", "a" * 40 + "!", "\\u0000", "\\ud800", "&amp;", "a&b=c", "a=b", "=", "&", "#", "?", "+", "a+b", ";"),
)
LENGTHS = (128, 256, 1024, 4096, 16384, 16385, 32768, 32769, 2**16 - 1, 2**16, LONGEST)
"""Lengths of long texts, in characters, each also one shorter; some make 64 KiB of UTF-8 out of wider units."""
TEXTS = (*SHORT, *INTERNATIONAL, *HOSTILE)
UNITS = ("a", "é", "🎸", "e\u0301", " ", '"', "\\", "\0", "א", "ab", "../", "a,")

HEADER_VALUES = (
    *("", "a", "*/*", "application/json", "text/html; charset=utf-8", "0", "-1", "a, b", "a,,b", '"a"', "=", ";"),
    *("gzip, deflate, br", "Bearer abc", "Basic YTpi", "Basic !!!", "null", "a\tb", "a  b", "../../etc/passwd"),
    *("' OR '1'='1", "<script>alert(1)</script>", "${jndi:ldap://x}", "() { :; }", "%0d%0aSet-Cookie: a=b", "%00"),
    *("session=abc; Path=/", "Wed, 21 Oct 2026 07:28:00 GMT", "bytes=0-18446744073709551615", 'W/"a"', "~" * 255),
    *("a" * 256, "a" * 4096, "a" * 8192, "a" * 2**16),
)
HEADER_NAMES = (
    *("accept", "x-a", "authorization", "cookie", "content-type", "content-length", "host", "x-real-ip", "x-tenant"),
    *("x-api-key", "origin", "referer", "transfer-encoding", "te", "if-none-match", "range", "__proto__", "x" * 256),
    *("!#$%&'*+-.^_`|~", "0", "forwarded", "x-http-method-override"),
)
ADDRESSES = (
    *("203.0.113.9", "127.0.0.1", "::1", "2001:db8:85a3::8a2e:370:7334", "0.0.0.0", "255.255.255.255", "", "unknown"),
    *("203.0.113.9, 198.51.100.7", "203.0.113.9,", "256.256.256.256", "203.0.113.9:8080", "[::1]:443", "127.1"),
    *("2130706433", "0x7f.1", "::ffff:127.0.0.1", "fe80::1%eth0", "localhost", "1.2.3", "203.0.113.9 ", "_hidden"),
)
AGENTS = (
    *("curl/8.5.0", "", "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0", "okhttp/4.12.0"),
    *("Googlebot/2.1", "a", "-", "()", "a/" * 2048),
)
METHODS = (
    *("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PURGE", "M-SEARCH", "get", "X"),
    *("!#$%&'*+-.^_`|~", "G" * 256, "NULL"),
)
PATHS = (
    *(
        "/",
        "/api/users",
        "/api/users/7",
        "/api/users/",
        "/api//users",
        "//",
        "/.",
        "/..",
        "/../../etc/passwd",
        "/%2e%2e",
    ),
    *("/%2F", "/%00", "/%", "/%zz", "/api/users/18446744073709551616", "/api/users/-1", "/café/日本", "/🎸", "*"),
    *(
        "/a b",
        "/a;v=1",
        "/a#b",
        "/a:b",
        "/'",
        "/index.html",
        "/.git/config",
        "/api/users.json",
        "/API/USERS",
        "/\u202e",
    ),
    *("/" * 256, "/a" * 1024, "/" + "a" * 4096, "/" + "a" * 65535),
)
QUERIES = (
    *("SELECT * FROM users", "", "SELECT 1", "SELECT * FROM users WHERE id = :id", "select * from users;", " "),
    *("SELECT * FROM users WHERE name = ''''", "SELECT * FROM users WHERE id = 1 OR 1=1", "SELECT * FROM nothing"),
    *(
        "SELECT * FROM users; DROP TABLE users",
        "SELECT '",
        'SELECT "',
        "SELECT * FROM users -- ",
        "SELECT /* ",
        "SELECT",
    ),
    *("INSERT INTO users (name) VALUES ('Zoë')", "UPDATE users SET active = 0", "DELETE FROM users", "VACUUM"),
    *("SELECT * FROM users UNION SELECT * FROM secrets", "WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT 1 FROM t)"),
    *("SELECT name FROM users ORDER BY 99", "SELECT * FROM users LIMIT -1", 'SELECT * FROM "üsers"', "SELECT '🎸'"),
    *("db.users.find({})", "{ users { id } }", "users", "SELECT\0", "SELECT " + "1," * 8192 + "1", "(" * 4096),
    "SELECT * FROM users WHERE " + " OR ".join(["id = 1"] * 512),
)
TIMESTAMPS = (
    *("2026-01-02T03:04:05Z", "1970-01-01T00:00:00Z", "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678901Z"),
    *(
        "2026-01-02T03:04:05.678901234Z",
        "2024-02-29T23:59:59.999999999Z",
        "2000-02-29T00:00:00Z",
        "1999-12-31T23:59:59Z",
    ),
    *("2038-01-19T03:14:07Z", "2038-01-19T03:14:08Z", "2106-02-07T06:28:16Z", "9999-12-31T23:59:59.999999999Z"),
    *("0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "2262-04-11T23:47:16.854775808Z"),
)
FLOATS = (
    *(0.0, 0.5, 1.0, -1.0, -0.0, 1.5, 0.1, 0.30000000000000004, 1e-5, 1e-7, 1e15, 1e16, 1e21, 2.0**31, 2.0**32),
    *(2.0**53, -(2.0**53), 2.0**63, 2.0**64, 5e-324, 2.2250738585072014e-308, 1e308, -1e308, 1.7976931348623157e308),
)
BORDERS = (
    *(1, 2**7, 2**8, 2**15, 2**16, 2**31, 2**32, 2**32 + 1, 2**53, 2**53 + 1, 2**63, 2**64 - 1, 2**64),
    *(0, -(2**7), -(2**15), -(2**31), -(2**31) - 1, -(2**53), 1 - 2**63),
)
"""The first number that does not fit, or the last that does; the one before each counts too."""
INTEGERS = sorted(
    {border - step for border in BORDERS for step in (0, 1)}, key=lambda number: (abs(number), number < 0)
)
BODIES = (
    *(b"", b"{}", b"[]", b"null", b"a=b&c=d", b"\0", b"\xff\xfe", b"\xef\xbb\xbf{}", b"{", b'{"a":1,"a":2}', b"<a/>"),
    *(b"\xed\xa0\x80", b"\xf0\x9f\x8e\xb8", bytes(range(256)), b"a" * 65535, b"a" * 65536, b"\0" * 65537),
)


def _part(text: str) -> str:
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _jwt(header: str, claims: str, signature: str = "c2lnbmF0dXJl") -> str:
    return f"{_part(header)}.{_part(claims)}.{signature}"


HS256 = '{"alg":"HS256","typ":"JWT"}'
TOKENS = (
    *("abc", "", " ", "Bearer abc", "bearer", "null", "undefined", "admin", "root:root", "0", "a" * 32, "deadbeef" * 8),
    _jwt(HS256, '{"sub":"u-1","exp":4102444800}'),
    _jwt(HS256, '{"sub":"u-1","exp":1}'),
    _jwt(HS256, '{"sub":"u-1","nbf":4102444800}'),
    _jwt(HS256, '{"sub":"u-1","exp":"never"}'),
    _jwt(HS256, '{"sub":null,"exp":1e308,"iat":-1}'),
    _jwt(HS256, '{"sub":"u-1","sub":"admin","roles":["admin"]}'),
    _jwt('{"alg":"none"}', '{"sub":"admin"}', ""),
    _jwt('{"alg":"NoNe","kid":"../../dev/null"}', '{"sub":"admin"}'),
    _jwt('{"alg":"RS256","jku":"file:///etc/passwd"}', "{}"),
    _jwt("not json", "not json"),
    _jwt("", "", ""),
    _jwt(HS256, '{"sub":"' + "a" * 8192 + '"}'),
    *("a.b", "a.b.c", "..", "...", "a.b.c.d", "eyJhbGciOiJIUzI1NiJ9", "eyJ.eyJ.", "!.!.!", "=.=.=", "YQ==.YQ==.YQ=="),
    *(
        "abc\0",
        "\0abc",
        "abc ",
        " abc",
        "abc\n",
        "ABC",
        "аbc",
        "abc\u200b",
        "abc\u0301",
        "ключ-🔑",
        "'--",
        "%",
        "*",
        "../a",
    ),
    *("key-12345", "sk_test_" + "0" * 24, "a" * 4096, "." * 4096, "a" * 65536),
)
NAMES = (
    *(
        "a",
        "id",
        "name",
        "token",
        "key",
        "",
        "A",
        "a b",
        "a.b",
        "a/b",
        "0",
        "-1",
        "é",
        "🎸",
        "\0",
        "__proto__",
        "toString",
    ),
    *("a\nb", '"', "\\", "\u0301", "שם", "constructor", "$ref", "length", "a" * 256),
)
