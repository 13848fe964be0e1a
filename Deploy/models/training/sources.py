"""Debian packages whose English text the model learns from, and how their files are read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    package: str
    #: Shell patterns of the files to read, relative to the unpacked package.
    patterns: tuple[str, ...]
    licence: str
    #: Shell patterns of files to leave out.
    without: tuple[str, ...] = ()
    #: At most this many characters are taken, from documents in shuffled order.
    most: int = 10_000_000


SOURCES = [
    Source("debian-handbook", ("usr/share/doc/debian-handbook/html/en-US/*.html",), "GPL-2+ or CC-BY-SA-3.0"),
    Source("debian-policy", ("usr/share/doc/debian-policy/policy.html/*.html",), "GPL-2+"),
    Source(
        "developers-reference",
        ("usr/share/developers-reference/*.html", "usr/share/doc/developers-reference/*.html"),
        "GPL-2+",
        without=("*.de.html", "*.fr.html", "*.it.html", "*.ja.html", "*.ru.html"),
    ),
    Source("maint-guide", ("usr/share/doc/maint-guide/html/*.en.html",), "GPL-2+"),
    Source("debian-reference-en", ("usr/share/debian-reference/*.en.html",), "GPL-2+"),
    Source("debian-faq", ("usr/share/doc/debian/FAQ/*.en.html",), "verbatim and modified copies under the same notice"),
    Source("debian-history", ("usr/share/doc/debian-history/docs/*.en.html",), "GPL-2+"),
    Source("debian-kernel-handbook", ("usr/share/doc/debian-kernel-handbook/**/*.html",), "GPL-2+"),
    Source("harden-doc", ("usr/share/doc/harden-doc/html/en-US/*.html",), "GPL-2+"),
    Source("installation-guide-amd64", ("usr/share/doc/installation-guide-amd64/en/*.html",), "GPL-2"),
    Source("aptitude-doc-en", ("usr/share/doc/aptitude/html/en/*.html",), "GPL-2+"),
    Source("gnome-user-docs", ("usr/share/help/C/**/*.page",), "CC-BY-SA-3.0"),
    Source("libreoffice-help-en-us", ("usr/share/libreoffice/help/en-US/text/**/*.html",), "MPL-2.0", most=2_500_000),
    Source(
        "python3.11-doc",
        tuple(f"usr/share/doc/python3.11/html/{part}/*.html" for part in ("tutorial", "faq", "howto", "using"))
        + ("usr/share/doc/python3.11/html/glossary.html",),
        "PSF-2.0",
    ),
    Source("postgresql-doc-15", ("usr/share/doc/postgresql-doc-15/html/*.html",), "PostgreSQL", most=3_500_000),
    Source("git-doc", ("usr/share/doc/git-doc/*.html",), "GPL-2", most=1_500_000),
    Source("apache2-doc", ("usr/share/doc/apache2-doc/manual/en/**/*.html",), "Apache-2.0", most=2_000_000),
    Source(
        "linux-doc-6.1",
        tuple(
            f"usr/share/doc/linux-doc-6.1/html/{part}/**/*.html" for part in ("admin-guide", "process", "doc-guide")
        ),
        "GPL-2",
        most=2_000_000,
    ),
    Source("wordnet-base", ("usr/share/wordnet/data.*",), "WordNet-3.0"),
]
