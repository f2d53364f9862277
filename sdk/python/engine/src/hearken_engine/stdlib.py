"""The part of the standard library that plugins have: what is imported while the engine is built,
since a component has no files. Of it whole packages, where others import their parts by name."""

import importlib

NAMES = """
__future__ abc aifc annotationlib argparse array ast asyncio asyncio.queues asyncio.taskgroups asyncio.timeouts
atexit base64 bdb binascii bisect builtins calendar cmath cmd code codecs codeop collections collections.abc
colorsys compression compression.gzip compression.zlib concurrent.futures configparser contextlib contextvars copy copyreg csv
dataclasses datetime decimal difflib dis doctest email email.encoders email.generator email.header email.headerregistry
email.message email.mime.application email.mime.image email.mime.multipart email.mime.nonmultipart email.mime.text
email.parser email.policy email.utils encodings encodings.ascii encodings.cp1252 encodings.cp437 encodings.hex_codec
encodings.idna encodings.iso8859_1 encodings.iso8859_15 encodings.latin_1 encodings.punycode encodings.raw_unicode_escape
encodings.unicode_escape encodings.utf_16 encodings.utf_16_be encodings.utf_16_le encodings.utf_32 encodings.utf_7
encodings.utf_8 encodings.utf_8_sig enum errno fileinput filecmp fnmatch fractions functools gc genericpath getopt gettext
glob graphlib gzip hashlib heapq hmac html html.entities html.parser http http.client http.cookies imghdr importlib
importlib.machinery importlib.metadata importlib.resources importlib.util inspect io ipaddress itertools json json.decoder
json.encoder json.scanner json.tool keyword linecache locale logging logging.config logging.handlers marshal math mimetypes
netrc ntpath numbers opcode operator optparse os os.path pathlib pdb pickle pickletools pkgutil platform plistlib posixpath
pprint profile pstats py_compile pyclbr pydoc queue quopri random re reprlib rlcompleter sched secrets selectors shelve
shlex shutil signal site smtplib socket sqlite3 stat statistics string string.templatelib stringprep struct symtable sys
sysconfig tabnanny tarfile tempfile textwrap threading time timeit token tokenize tomllib trace traceback tracemalloc types
typing unicodedata unittest unittest.mock urllib urllib.error urllib.parse urllib.request urllib.response uuid warnings
wave weakref wsgiref xml xml.dom xml.dom.minidom xml.dom.pulldom xml.etree xml.etree.ElementTree xml.parsers.expat xml.sax
xml.sax.expatreader xml.sax.handler xml.sax.saxutils xmlrpc xmlrpc.client zipfile zlib zoneinfo
_strptime _pydatetime _pydecimal _bisect _heapq _json _random _struct _elementtree _decimal _datetime _zoneinfo _sqlite3
""".split()

#: Those that this build of CPython has.
present: list[str] = []
missing: dict[str, str] = {}

for _name in NAMES:
    try:
        importlib.import_module(_name)
        present.append(_name)
    except Exception as error:
        missing[_name] = f"{type(error).__name__}: {error}"

if __name__ != "__main__":
    print(f"{len(present)} modules of the standard library; not there: {missing}")
