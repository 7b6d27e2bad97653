"""Everyday dialect words and their standard counterparts.

Only words that mean the same in every sentence of a public service are here: question words,
wishes, needs, negation, time, and the common nouns and verbs of offices. Keys are written as they
are typed; `fold` is applied to both sides. Gulf, Egyptian, Levantine, Iraqi, Maghrebi, Sudanese and
Yemeni forms stand side by side, because a message is not asked where it comes from.
"""

from __future__ import annotations

from core.text.clean import fold

_TABLE = """
ماذا: شو ايش وش ايه شنو اش شنهو اشنو شنوا واش شوهي شوهو ويش شني
اين: وين فين وينه وينها فينه فينها ويني منين
متى: امتى ايمتى امتا وقتاش فوقاش شوكت وينتا ايمت امت متي
كيف: ازاي ازاى كيفاش شلون جيف كيفه شلونه كيفية طريقة الطريقة ازي
لماذا: ليش ليه علاش لويش لاش ليه علاه ليشه
كم: كام قديش قداش شحال اديش شكد جم قداه اشحال كديش
بكم: بكام بشحال بقديش بقداش بيش بجم بكديش اديه
اريد: ابغى ابغا ابي عايز عاوز عايزه عاوزه بدي بغيت نبي نحب اشتي داير دايره ودي حابب حابه
اريد: باغي نبغي حاب بدنا عاوزين عايزين
يلزم: لازم خاصني خصني لازمني يلزمني مطلوب المطلوب مطلوبة محتاج محتاجه بحتاج احتاج نحتاج
يلزم: يحتاج خاص يلزمنا يستحق نستحق بيلزم بيلزمني
الان: الحين هلق دلوقتي دروك هسه هسا توا هلا دابا ذلحين هسع
ليس: مو مش موش ماشي مب مهو ماهو مهوب
يمكن: اقدر بقدر نقدر ممكن نجم نجمو فيني فيي ينفع يصير اكدر بكدر فينا
لا: ماكو مافيه مافي مفيش ماكاينش مكاش معندي معنديش ماعندي
موجود: فيه اكو كاين
مستندات: اوراق ورق وراق وثائق الاوراق الورق الوثائق المستندات كواغط كواغد الوراق مستند papier
مستندات: papiers اوراقي
رسوم: رسم فلوس سعر ثمن تكلفه كلفه مصاريف مبلغ الرسوم السعر الثمن تكاليف التكلفه الكلفه يكلف
رسوم: تكلف بيكلف بتكلف مصاري الفلوس تمن التمن كيتكلف فيس سومه السومه
مده: ياخذ ياخد بياخد كياخد يطول تطول بتطول بيطول وقت يستغرق كتاخد المده تستغرق الوقت تاخذ
مده: بتاخد يوم ايام كياخذ مدته مدتها
استخراج: اطلع استخرج نطلع اصدر استخراجه طلع نستخرج اصدار نخرج نستخرجو طلعو اطلعه
اعمل: اسوي ندير نعمل دير اعمله اسويه نسوي بعمل هعمل اعملها
سياره: عربيه طوموبيل كرهبه موتر سيارتي عربيتي طونوبيل طوموبيلتي السياره العربيه الكرهبه
سياره: سيارات كرهبتي
جواز_سفر: باسبور باسبورت بسبور باسبوري passport الباسبور جوازي باسبورتي جوازسفر الباسبورت
جواز_سفر: بسبوري باصبور الباصبور
تجديد: اجدد نجدد تجدد يجدد جددت اتجدد التجديد يتجدد اجدده نجددو جدد اجددها نجددها تجديده
تجديد: تجديدها بجدد جددها
ضاع: ضاعت ضيعت ضيعته ضيعتها ضايع ضايعه مفقود فقدت فقدان تاه ضاعلي مفقوده ضياع اضعت ودرت
ضاع: ضيعو توضر ضاعتلي توضرت
سرق: انسرق انسرقت اتسرق اتسرقت تسرق سرقو مسروق سرقوا تسرقات مسروقه باقوه انباق تسرقلي سرقوها
رخصه: ليسن ليسين بيرمي برمي permis رخصتي الرخصه رخص ليسني البيرمي
طفل: ابني بنتي ولدي وليدي عيل دري بزر بيبي نونو طفلي الطفل مولود المولود ولد رضيع عيالي
طفل: اولادي ابنائي اطفالي الولد
زوجه: مراتي مرتي حرمتي زوجتي مدامتي امراتي
توقف: وقف انقطع وقفت توقفت انوقف اتوقف وقفو حبس انقطعت وقفوه وقفولي
دفع: ادفع اسدد نخلص سداد ندفع نسدد بدفع الدفع اخلص تسديد
موعد: حجز احجز نحجز ميعاد رنديفو رونديفو مواعيد معاد بحجز rdv
بيت: منزل دار حوش سكن بيتي داري البيت الدار
انتهى: خلص خلصت منتهي منتهيه انتهت ساليه سالا سالات خلصان خلصانه انتها تنتهي
مستعجل: بسرعه ضروري مستعجله عاجل سريع
كلمه_السر: باسورد الباسورد باسوورد password موتدوباس كلمةالسر الرقم_السري الباسوورد
حساب: اكونت account الحساب حسابي كونط
غرامه: مخالفه خطيه بروسي غرامات مخالفات المخالفه الغرامه خطايا ضبط بروصي
فتح: افتح نفتح بفتح نحل
دكان: محل محلي حانوت دكاني المحل بقاله الحانوت
مرحبا: هلا اهلا سلام السلام هاي مراحب
""".strip()


def _build() -> dict[str, str]:
    words: dict[str, str] = {}
    for line in _TABLE.splitlines():
        standard, _, forms = line.partition(":")
        target = "_".join(fold(part) for part in standard.split("_"))
        for form in forms.split():
            words.setdefault(fold(form.replace("_", " ")), target)
        words.setdefault(target, target)
    return words


_STANDARD = _build()
_PREFIXES = ("وال", "بال", "فال", "كال", "ال", "لل", "هال", "و", "ف", "ب", "ل")


def standard_word(word: str) -> str:
    """The standard counterpart of one folded word, or the word itself.

    A conjunction, preposition or article in front is looked through.
    """
    found = _STANDARD.get(word)
    if found is not None:
        return found
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= 3:
            found = _STANDARD.get(word[len(prefix) :])
            if found is not None:
                return found
    return word


def standardise(folded: str) -> str:
    """Every word of a folded text by its standard counterpart."""
    return " ".join(standard_word(word) for word in folded.split())
