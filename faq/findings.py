"""What can be wrong with the FAQ's files: every code, said in Arabic and English, with its mend.

The words live here alone; finding the mistakes is the work of the reader and the loader. Each
row of `CODES` says what the rule is (`about`, for the documentation), what is wrong at a place
(`message`) and what to do there (`mend`); names in braces are filled from the place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from core.messages import Language

Severity = Literal["error", "warning"]
Words = Mapping[Language, str]

#: Longest piece of a file that is repeated in a message, in characters. Places are given whole.
_SHOWN = 60
_PLACES = frozenset({"folder", "other"})
_SEVERITY_AR: Mapping[Severity, str] = {"error": "خطأ", "warning": "تنبيه"}


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of mistake: the rule, and templates for what is said where it is broken."""

    code: str
    severity: Severity
    about: Words
    message: Words
    mend: Words


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake at one place. `line` and `column` count from 1; `path` names the field as
    `entries[3].answer.ar` and is empty where the whole file is meant."""

    code: str
    severity: Severity
    file: str
    line: int
    column: int | None
    path: str
    message: Words
    mend: Words

    def text(self, language: Language = "en") -> str:
        """One line for people: place, code, message and mend."""
        message, mend = self.message[language], self.mend[language]
        if self.path:
            message = f"{self.path}: {message}"
        if language == "ar":
            kind = _SEVERITY_AR[self.severity]
            return f"{self.file}:{self.line}: {self.code} {kind}: {message} التصويب: {mend}"
        return f"{self.file}:{self.line}: {self.code} {self.severity}: {message} Mend: {mend}"

    def __str__(self) -> str:
        return self.text("en")

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form, with both languages."""
        return {
            "code": self.code,
            "severity": self.severity,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "message": dict(self.message),
            "mend": dict(self.mend),
        }


def finding(
    code: str,
    *,
    file: str,
    line: int = 1,
    column: int | None = None,
    path: str = "",
    **slots: str | int | Words,
) -> Finding:
    """Make the finding of a code; `slots` fill its templates (a pair of languages, or one value
    for both, which is shown shortened and without characters that disturb a terminal)."""
    row = CODES[code]

    def fill(words: Words) -> Words:
        filled: dict[Language, str] = {}
        for language, template in words.items():
            values = {
                name: value[language]
                if isinstance(value, Mapping)
                else show(str(value), None if name in _PLACES else _SHOWN)
                for name, value in slots.items()
            }
            filled[language] = template.format_map(values)
        return MappingProxyType(filled)

    return Finding(code, row.severity, file, line, column, path, fill(row.message), fill(row.mend))


def show(text: str, limit: int | None = _SHOWN) -> str:
    """A piece of a file as a message may repeat it: one line of at most `limit` characters,
    nothing invisible."""
    visible = "".join(
        " " if char.isspace() else "\N{REPLACEMENT CHARACTER}" if _is_hidden(char) else char
        for char in text[:limit]
    )
    return visible if limit is None or len(text) <= limit else visible + "…"


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Cn", "Co"}


def _row(code: str, severity: Severity, *pairs: tuple[str, str]) -> Code:
    """A row from (English, Arabic) pairs: about, message, mend."""
    about, message, mend = (MappingProxyType[Language, str]({"ar": ar, "en": en})
                            for en, ar in pairs)  # fmt: skip
    return Code(code, severity, about, message, mend)


# One line per language, so that the two can be compared at a glance.
# fmt: off
_ROWS = (
    # The folder and its files.
    _row("F001", "error",
         ("The FAQ folder must exist.",
          "يجب أن يكون مجلد الأسئلة موجودًا."),
         ("The folder {folder} does not exist or cannot be opened as a folder.",
          "المسار «{folder}» غير موجود أو لا يمكن فتحه مجلدًا."),
         ("Create it, or set NATIQ_FAQ_DIR to the folder that holds the FAQ files.",
          "أنشئ المجلد، أو اضبط NATIQ_FAQ_DIR على المجلد الذي فيه ملفات الأسئلة.")),
    _row("F002", "error",
         ("The folder must hold at least one FAQ file.",
          "يجب أن يحوي المجلد ملف أسئلة واحدًا على الأقل."),
         ("There is no FAQ file in {folder}.",
          "لا يوجد ملف أسئلة في «{folder}»."),
         ("Put a file such as passports.yml there, with at least one entry.",
          "ضع فيه ملفًا مثل passports.yml، وفيه سؤال واحد على الأقل.")),
    _row("F003", "error",
         ("Every FAQ file must be readable.",
          "يجب أن يكون كل ملف قابلًا للقراءة."),
         ("The file cannot be read ({reason}).",
          "تعذّرت قراءة الملف ({reason})."),
         ("Give the service permission to read it, or take it out of the folder.",
          "امنح الخدمة صلاحية قراءته، أو أخرجه من المجلد.")),
    _row("F004", "error",
         ("Files are UTF-8 text.",
          "الملفات نصوص بترميز UTF-8."),
         ("The file is not UTF-8: byte {offset} of the file does not belong to it.",
          "الملف ليس بترميز UTF-8: البايت ذو الرقم {offset} فيه لا ينتمي إلى هذا الترميز."),
         ("Open it in your editor and save it with the encoding UTF-8.",
          "افتح الملف في المحرر واحفظه بترميز UTF-8.")),
    _row("F005", "error",
         ("A file holds at most 2 MB.",
          "لا يزيد حجم الملف على 2 ميغابايت."),
         ("The file is larger than {limit} bytes.",
          "حجم الملف أكبر من {limit} بايت."),
         ("Split it into several topics, one file for each.",
          "قسّمه إلى موضوعات، لكل موضوع ملف.")),
    _row("F006", "error",
         ("Lines are indented with spaces; YAML forbids tabs.",
          "تُزاح الأسطر بالمسافات؛ فلغة YAML لا تقبل علامة الجدولة (Tab)."),
         ("A tab indents this line (lines with tabs in this file: {count}).",
          "هذا السطر مُزاح بعلامة جدولة (عدد الأسطر المماثلة في الملف: {count})."),
         ("Replace every tab at the beginning of a line with two spaces.",
          "استبدل بكل علامة جدولة في أول السطر مسافتين.")),
    _row("F007", "error",
         ("Files follow the grammar of YAML.",
          "تتبع الملفات قواعد لغة YAML."),
         ("This cannot be read as YAML: {cause}.",
          "تعذّر فهم هذا الموضع: {cause}."),
         ("{remedy}",
          "{remedy}")),
    _row("F008", "error",
         ("A key stands once in its block.",
          "لا يتكرر الحقل في موضعه."),
         ("The key {key} stands here a second time; it is first on line {other}.",
          "الحقل «{key}» مكرر هنا؛ وقد ورد أولًا في السطر {other}."),
         ("Keep one of the two and delete the other.",
          "أبقِ واحدًا منهما واحذف الآخر.")),
    _row("F009", "error",
         ("Files are plain: no anchors, aliases, tags, merge keys, directives, several documents "
          "or lists as keys.",
          "الملفات بسيطة: لا مراسي فيها ولا إحالات ولا وسوم ولا دمج ولا توجيهات ولا عدة مستندات "
          "في ملف واحد، ولا تكون القائمة اسم حقل."),
         ("{feature} is not allowed in an FAQ file.",
          "لا يُسمح في ملف الأسئلة بهذا: {feature}."),
         ("{remedy}",
          "{remedy}")),
    _row("F010", "error",
         ("A file has at most 20 levels and 100,000 values.",
          "لا تزيد مستويات الملف على 20، ولا قيمه على 100,000."),
         ("The file goes deeper or longer than the limit ({limit}).",
          "يتجاوز الملف الحد المسموح به في العمق أو في عدد القيم ({limit})."),
         ("Follow the shape of the other FAQ files; look for brackets too many.",
          "اتبع شكل ملفات الأسئلة الأخرى، وابحث عن أقواس زائدة.")),
    _row("F011", "error",
         ("Texts hold no control characters and none that turn the direction of writing around.",
          "لا تحوي النصوص محارف تحكم، ولا محارف تقلب اتجاه الكتابة."),
         ("An invisible character stands here: {name}.",
          "في هذا الموضع محرف غير مرئي: {name}."),
         ("Delete it, or type this piece of the text anew.",
          "احذفه، أو اكتب هذا الجزء من النص من جديد.")),
    _row("F012", "error",
         ("At most 200 findings are shown for one file.",
          "لا يُعرض للملف الواحد أكثر من 200 ملاحظة."),
         ("There are {count} more findings in this file.",
          "في هذا الملف ملاحظات أخرى عددها {count}."),
         ("Mend those above and check again.",
          "صوّب ما سبق ثم أعد الفحص.")),
    # The shape of the content.
    _row("F020", "error",
         ("Every value has the type that its field asks for.",
          "لكل حقل نوع من القيم لا يقبل غيره."),
         ("Here stands {got}, where {expected} is needed.",
          "المكتوب هنا {got}، والمطلوب {expected}."),
         ("Write {expected}, as the other FAQ files do.",
          "اكتب {expected} كما في ملفات الأسئلة الأخرى.")),
    _row("F021", "error",
         ("A text that looks like yes/no, a number or a date stands in quotes, since YAML would "
          "read it as something else.",
          "النص الذي يشبه نعم/لا أو عددًا أو تاريخًا يوضع بين علامتي تنصيص، لأن YAML تقرؤه على "
          "غير وجهه."),
         ("{value} without quotes is read as {got}, not as a text.",
          "تُقرأ القيمة {value} بلا علامتي تنصيص على أنها {got} لا نص."),
         ('Put it in double quotes: "{value}".',
          'ضعها بين علامتي تنصيص: "{value}".')),
    _row("F022", "error",
         ("Only the keys of the published schema are used.",
          "لا تُستعمل إلا الحقول المعرّفة في المخطط المنشور."),
         ("The key {key} is unknown here.",
          "الحقل «{key}» غير معروف هنا."),
         ("{remedy}",
          "{remedy}")),
    _row("F023", "error",
         ("Every required key is there.",
          "لا يغيب أي حقل مطلوب."),
         ("The key {key} is missing.",
          "الحقل «{key}» ناقص."),
         ("Add a line that begins with {key}: and give its value.",
          "أضف سطرًا يبدأ بـ {key}: واكتب قيمته.")),
    _row("F024", "error",
         ("Every text is given in Arabic (ar) and in English (en).",
          "يُكتب كل نص بالعربية (ar) وبالإنجليزية (en)."),
         ("The language {language} is missing.",
          "النص ناقص بهذه اللغة: {language}."),
         ("Add {key}: with the text in that language.",
          "أضف {key}: ثم النص بتلك اللغة.")),
    _row("F025", "error",
         ("No text, list or value that is given is empty.",
          "لا يُترك نص ولا قائمة ولا قيمة فارغة."),
         ("Nothing is written here.",
          "لا شيء مكتوب هنا."),
         ("Write the value, or delete the line if the field is optional.",
          "اكتب القيمة، أو احذف السطر إن كان الحقل اختياريًا.")),
    _row("F026", "error",
         ("Texts fit where they are shown: question 200 characters, phrasing 300, answer 4,000, "
          "short and button label 20, title 80, source 500, address of a button 2,000.",
          "تتسع مواضع العرض للنصوص: السؤال 200 حرف، والصيغة 300، والجواب 4,000، والاسم المختصر "
          "ونص الزر 20، والعنوان 80، والمصدر 500، ورابط الزر 2,000."),
         ("The text has {length} characters; at most {limit} are allowed.",
          "عدد أحرف النص {length}، والحد الأقصى {limit}."),
         ("Shorten it to {limit} characters or fewer.",
          "اختصره حتى لا يتجاوز {limit} من الأحرف.")),
    _row("F027", "error",
         ("An entry has at most 3 buttons.",
          "لا تزيد أزرار السؤال الواحد على 3."),
         ("There are {count} buttons; at most {limit} are allowed.",
          "عدد الأزرار {count}، والحد الأقصى {limit}."),
         ("Keep the {limit} that help most.",
          "أبقِ الأنفع منها، ولا تتجاوز {limit}.")),
    _row("F028", "error",
         ("Dates are written as year-month-day and exist in the calendar.",
          "تُكتب التواريخ على صورة سنة-شهر-يوم، وتكون موجودة في التقويم."),
         ("{value} is not a date.",
          "القيمة {value} ليست تاريخًا صحيحًا."),
         ("Write it as year-month-day, for example 2027-03-01.",
          "اكتب التاريخ على صورة سنة-شهر-يوم، مثل 2027-03-01.")),
    _row("F029", "error",
         ("Names (id, topic, owner, related) have 3 to 64 small Latin letters, digits and hyphens.",
          "تُكتب المعرّفات (id وtopic وowner وrelated) بأحرف لاتينية صغيرة وأرقام وشُرَط، وطولها "
          "من 3 إلى 64."),
         ("{value} is not such a name.",
          "القيمة «{value}» لا توافق ذلك."),
         ("Write small letters a-z, digits and single hyphens, for example passport-renew-fees.",
          "اكتبه بالأحرف a-z والأرقام وشُرَط مفردة، مثل passport-renew-fees.")),
    _row("F030", "error",
         ("A button opens a page whose address begins with https:// and holds no spaces, user "
          "name or password.",
          "يفتح الزر صفحة يبدأ رابطها بـ https:// ولا مسافة فيه ولا اسم مستخدم ولا كلمة مرور."),
         ("{value} is not such an address.",
          "الرابط «{value}» لا يوافق ذلك."),
         ("Give the full address, for example https://services.example/passports.",
          "اكتب الرابط كاملًا، مثل https://services.example/passports.")),
    # What the entries say of each other.
    _row("F040", "error",
         ("An id belongs to one entry in all files.",
          "لكل سؤال معرّف لا يشاركه فيه غيره في الملفات كلها."),
         ("The id {value} is taken: see {other}.",
          "المعرّف {value} مستعمل في موضع آخر: {other}."),
         ("Give this entry another id.",
          "اختر لهذا السؤال معرّفًا آخر.")),
    _row("F041", "error",
         ("A topic lives in one file.",
          "لكل موضوع ملف واحد."),
         ("The topic {value} is already that of {other}.",
          "الموضوع {value} موجود في ملف آخر: {other}."),
         ("Join the two files, or give this one another topic.",
          "ادمج الملفين، أو اختر لهذا الملف موضوعًا آخر.")),
    _row("F042", "warning",
         ("Related entries exist.",
          "الأسئلة المذكورة في related موجودة."),
         ("There is no entry {value}.",
          "لا يوجد سؤال معرّفه {value}."),
         ("{remedy}",
          "{remedy}")),
    _row("F043", "error",
         ("An entry does not name itself as related.",
          "لا يُذكر السؤال في قائمة related الخاصة به."),
         ("The entry {value} names itself.",
          "السؤال {value} يذكر نفسه."),
         ("Delete this line.",
          "احذف هذا السطر.")),
    _row("F044", "error",
         ("An entry ends after it begins.",
          "تاريخ الانتهاء بعد تاريخ البداية."),
         ("valid_until ({until}) is not later than valid_from ({since}).",
          "تاريخ valid_until ({until}) ليس بعد valid_from ({since})."),
         ("Correct one of the two; valid_until is the first day on which the answer is silent.",
          "صحّح أحد التاريخين؛ وvalid_until هو أول يوم لا يُقال فيه الجواب.")),
    _row("F045", "warning",
         ("A question or phrasing belongs to one entry, or nobody could tell which is meant.",
          "لا ترد الصيغة نفسها في سؤالين، وإلا تعذّر معرفة المقصود."),
         ("The same words ({value}) ask for the entry {entry}: see {other}.",
          "الكلمات نفسها («{value}») تسأل عن {entry} أيضًا: {other}."),
         ("Delete one of the two, or add the word that tells them apart.",
          "احذف إحداهما، أو أضف الكلمة التي تفرّق بينهما.")),
    # Advice: the files are served, but somebody should look.
    _row("F060", "warning",
         ("A file has the name of its topic.",
          "يُسمّى الملف باسم موضوعه."),
         ("The topic {value} stands in a file called {name}.",
          "الموضوع {value} في ملف اسمه {name}."),
         ("Rename the file to {value}.yml.",
          "غيّر اسم الملف إلى {value}.yml.")),
    _row("F061", "warning",
         ("An entry has at least 5 Arabic phrasings, dialects among them.",
          "لكل سؤال 5 صيغ عربية على الأقل، منها ما هو باللهجات."),
         ("The entry has few Arabic phrasings: {count}.",
          "عدد الصيغ العربية قليل: {count}."),
         ("Add phrasings as people really write them; {limit} or more.",
          "أضف صيغًا كما يكتبها الناس فعلًا؛ {limit} أو أكثر.")),
    _row("F062", "warning",
         ("An answer of at most 1,024 characters fits one WhatsApp message with buttons.",
          "الجواب الذي لا يتجاوز 1,024 حرفًا تسعه رسالة واتساب واحدة ذات أزرار."),
         ("The answer has {length} characters and will not fit one message with buttons.",
          "عدد أحرف الجواب {length}، ولن تسعه رسالة واحدة ذات أزرار."),
         ("Shorten it to {limit} characters, or split the question in two.",
          "اختصره حتى لا يتجاوز {limit} حرفًا، أو اجعله سؤالين.")),
    _row("F063", "warning",
         ("Somebody looks at each answer again by its review date.",
          "يُراجَع كل جواب قبل تاريخ مراجعته."),
         ("The review was due on {value}.",
          "كان موعد المراجعة في {value}."),
         ("Check the answer with its department, then set a later review_by.",
          "تحقق من الجواب مع الجهة المختصة، ثم اكتب موعدًا لاحقًا في review_by.")),
    _row("F064", "warning",
         ("An entry gives each phrasing once.",
          "لا تتكرر الصيغة في السؤال الواحد."),
         ("The same words ({value}) stand on line {other} already.",
          "الكلمات نفسها («{value}») واردة في السطر {other}."),
         ("Delete this one, or replace it with other words.",
          "احذف هذه الصيغة، أو اكتب غيرها.")),
    _row("F065", "warning",
         ("The short names of a topic differ, since they stand side by side as choices.",
          "تختلف الأسماء المختصرة في الموضوع الواحد، لأنها تُعرض معًا للاختيار."),
         ("The short name {value} is also that of {entry}.",
          "الاسم المختصر «{value}» هو نفسه اسم {entry}."),
         ("Name what tells the two apart.",
          "اذكر فيه ما يفرّق بينهما.")),
    _row("F066", "warning",
         ("An entry has English phrasings too.",
          "لكل سؤال صيغ إنجليزية أيضًا."),
         ("The entry has no English phrasings: only its English question is learnt.",
          "ليس للسؤال صيغ إنجليزية، فلا يُتعلَّم بالإنجليزية سوى نص السؤال."),
         ("Add a list en: under phrasings, with at least one way to ask.",
          "أضف القائمة en: تحت phrasings وفيها صيغة واحدة على الأقل.")),
)
# fmt: on

#: Every code, in order, with its rule in both languages.
CODES: Mapping[str, Code] = MappingProxyType({row.code: row for row in _ROWS})
