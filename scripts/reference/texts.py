"""Seeded texts that try a tokenizer: Unicode's scripts, emoji, contractions, HTML, mojibake, control characters, whitespace, over-long ones.

Only characters that Unicode 14 knows, so that the classes of a character are the same in every Python and Node that may read them.
"""
import html.entities
import random
import sys
import unicodedata
from collections import defaultdict

SUBJECTS = 'golden horse,swan,rubik\'s cube,crystal swan,stained glass cat,red velvet cake,ice,bicycle,street in heavy snow,smoke,fire,polar bear,waffle,teapot'.split(',')
LOOKS = 'golden,snowy,wooden,burning,made of ice,covered in moss,swarovski blue crystal,oil painting of,1960s,half-melted,moon\'s,O\'Brien\'s'.split(',')
TEMPLATES = ['photo of {}.', '{} over a green screen.', '{} in front of a green screen.', 'a photo of {}', 'image of {}...', '{}!', 'What a {}?!', 'the {} (close-up)',
             '"{}"', '{} -- 4k, HDR', '#{} @artist http://example.com/{}?q=1&r=2', '{}; {} & {}', '{}\'s', 'rendering of {}, 35mm, f/1.8']
WORDS = 'a an the of with and in on over very old new small large cat dog house tree river mountain car painting photograph light shadow glass stone metal wood paper'.split()
CONTRACTIONS = ["I'm", "don't", "we'll", "they've", "you're", "she'd", "it's", "IT'S", "can't've", "rock'n'roll", "'tis", "y'all'd", "'S", "ain'T", "o'clock", "'''s", "s's's",
                "it’s", "don‘t", "we‛ll", "ʼs", "'ſ", "it'ſ", "'ll'll", "'re-", "d'd", "l'été", "dell'arte", "‘quoted’", "“it’s”", "'e's", "'VE", "'Ll"]
SAMPLES = ['L’été à Montréal: œuvre d’art', 'Škoda žlutý kůň', 'Über den Dächern, schöne Grüße!', 'naïve café — “quoted” … ™', '¿Qué pasa, señor? ¡Olé!', 'здравствуй, мир — «кошка»',
           'Привет‑привет', 'γειά σου Κόσμε', 'שלום עולם', 'مرحبا بالعالم', 'नमस्ते दुनिया', '你好，世界', 'こんにちは世界', '안녕하세요 세계', 'สวัสดีชาวโลก', 'Đặng Văn Lâm', 'İstanbul’da çığlık',
           'Zażółć gęślą jaźń', 'Þórr á Íslandi', '5 € + 10 £ = ½ × 3 µm ± 2°', 'e = mc² • ≠ ≤ ∞', '(ง\'⌣\')ง', '✔ No problems', 'à la mode', 'ça va très bien…', 'smile 😀 and 🦢', 'Ærøskøbing', 'l’œil']
SINGLE_BYTE = ['latin-1', 'windows-1252', 'windows-1251', 'windows-1250', 'windows-1253', 'windows-1254', 'windows-1257', 'iso-8859-2', 'mac-roman', 'cp437']
SPACES = ['\t', '\n', '\r\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\x1f', '\x85', '\xa0', '\u1680', *map(chr, range(0x2000, 0x2010)), '\u2028', '\u2029', '\u202a', '\u202f', '\u205f',
          '\u2060', '\u3000', '\ufeff', '\u180e', '\u00ad', '\u034f', '\u115f', '\u3164']
CONTROLS = [*map(chr, range(32)), '\x7f', *map(chr, range(0x80, 0xa0)), *map(chr, range(0x206a, 0x2070)), *map(chr, range(0xfff9, 0xfffd)), '\ufffe', '\uffff', '\ufdd0', '\U0001fffe',
            '\x1b[31m', '\x1b[0m', '\x1b[1;32mgreen\x1b[0m', '\ud800', '\udc00', '\ud83d\ude00', '\ude00\ud83d', '\ue000', '\uf8ff', '\U000f0000', '\u200d', '\ufe0f']
PEOPLE, TONES, JOINED = '👩👨🧑👧👦👶👵🧔🏃🕵🤷🙋', '🏻🏼🏽🏾🏿', ['👩‍👩‍👧‍👦', '👨‍🚀', '🏳️‍🌈', '🏴‍☠️', '👁️‍🗨️', '❤️‍🔥', '🧑‍🤝‍🧑', '🐻‍❄️', '😶‍🌫️']
EMOJI = [chr(c) for c in [*range(0x1f300, 0x1f6d0), *range(0x1f900, 0x1fa00), *range(0x2600, 0x27c0), 0x203c, 0x2049, 0x2139, 0x231a, 0x2b50, 0x3030, 0x24c2]]
LATIN_ODDITIES = ['ﬁre', 'oﬃce', 'ﬂuﬀy', 'ﬆ', 'ﬅ', 'Ĳssel', 'ǆ Ǆ ǅ', 'ŉ', 'ＬＯＵＤ　ＮＯＩＳＥＳ', 'Ｕﾀｰﾝ', 'ﾊﾝｶｸ', '￠￡￥', 'e\u0301te\u0301', 'A\u030aker', 'o\u0308\u0323', '\u212bngstrom', '\u212aelvin', '\u2126hm',
                  'ΣΑΣ', 'ΌΣΟΣ ΟΣ.', 'Σ', 'ΑΣ’', 'ΑΣ\u0301', 'ΣΣΣ abΣ', 'İ', 'I\u0307', 'ẞ', 'Straße STRASSE', 'ſtart', 'Dž', 'ᾳ ᾼ', '\u0345', 'α\u0345', 'Ⅷ ⅷ', 'Ⓐ ⓐ', 'ʰ ʲ', 'ª º', '𝔘𝔫𝔦𝔠𝔬𝔡𝔢', '𝐀𝑩𝓒', 'Ꮳ ꮳ', 'Ა ა', '𐐀𐐨',
                  'ᴀ', 'ﬖ', 'Å Å', 'ﷺ', '㍻ ㎏', '\u1e9b\u0323', '가 각 \u1100\u1161\u11a8', 'क़ \u0958', '豈 \uf900', 'a\u0300\u0301\u0302\u0303']
SPECIALS = ['<|startoftext|>', '<|endoftext|>', '<|STARTOFTEXT|>', '<|EndOfText|>', 'a<|startoftext|>b', '!!<|endoftext|>!!', '<|startoftext|', '<|ſtartoftext|>', '<| endoftext |>', '</w>', 'a</w>', '<|pad|>', '[CLS]',
            '&lt;|endoftext|&gt;', 'golden horse<|endoftext|> swan', '<|startoftext|><|startoftext|>', '<b>bold</b>', '<!-- x -->', 'x < y > z', '<3 &amp; &eacute;', 'a <b>&amp;lt;</b>']


def by_script():
    """Letters, marks and numbers in groups that go by the first word of their names."""
    groups = defaultdict(list)
    for code in range(sys.maxunicode + 1):
        c = chr(code)
        if unicodedata.category(c)[0] in 'LMN':
            name = unicodedata.name(c, '')
            if name: groups[name.split()[0].split('-')[0]].append(c)
    return {name: sorted(members) for name, members in sorted(groups.items()) if len(members) >= 10}


class Texts:
    def __init__(self, seed):
        assert unicodedata.unidata_version == '14.0.0', 'made with Python 3.11'
        self.r, self.scripts = random.Random(seed), by_script()
        self.all = [chr(c) for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c)) not in ('Cn', 'Co', 'Cs')]
        self.entities = sorted(html.entities.html5)

    def phrase(self):
        r = self.r
        text = r.choice(TEMPLATES)
        while '{}' in text: text = text.replace('{}', r.choice([r.choice(SUBJECTS), f'{r.choice(LOOKS)} {r.choice(SUBJECTS)}', r.choice(WORDS)]), 1)
        return r.choice([text, text, text, text.upper(), text.title(), f'  {text} '])

    def words(self, n):
        return ' '.join(self.r.choice(WORDS) for _ in range(n))

    def script(self, name=None):
        r = self.r
        members = self.scripts[name or r.choice(list(self.scripts))]
        return r.choice([' ', ' ', '', '-', "'s "]).join(''.join(r.choices(members, k=r.randint(1, 8))) for _ in range(r.randint(1, 4)))

    def emoji(self):
        r = self.r
        return r.choice([
            lambda: ''.join(r.choices(EMOJI, k=r.randint(1, 5))), lambda: r.choice(PEOPLE) + r.choice(TONES), lambda: r.choice(JOINED),
            lambda: ''.join(chr(0x1f1e6 + r.randrange(26)) for _ in range(2 * r.randint(1, 3))), lambda: r.choice('0123456789#*') + '\ufe0f\u20e3',
            lambda: '🏴' + ''.join(chr(0xe0000 + ord(c)) for c in r.choice(['gbeng', 'gbsct', 'gbwls'])) + '\U000e007f', lambda: r.choice(EMOJI) + '\ufe0f',
            lambda: r.choice(PEOPLE) + r.choice(TONES) + '\u200d' + r.choice('♂♀⚕🎨🚒') + '\ufe0f', lambda: f'{r.choice(WORDS)}{r.choice(EMOJI)}{r.choice(WORDS)}'])()

    def reference(self):
        r = self.r
        name = r.choice(self.entities)
        code = r.choice([r.randrange(0x250), r.randrange(0x3000), r.randrange(0x110000), r.choice([0, 1, 8, 11, 13, 0x1c, 0x7f, 0x80, 0x81, 0x85, 0x92, 0x9f, 0xa0, 0x300, 0x345, 0xd800, 0xdfff, 0xfdd0, 0xfffe, 0xfeff,
                                                                                    0x1f600, 0x10ffff, 0x110000, 99999999999])])
        if code <= 0x10ffff and unicodedata.category(chr(code)) == 'Cn' and not (0xfdd0 <= code < 0xfdf0 or code & 0xfffe == 0xfffe): code = 0xe9
        return r.choice([f'&{name}', f'&{name.rstrip(";")}', f'&{name.rstrip(";")};', f'&{name.upper()}', f'&{name.rstrip(";")}x', f'&amp;{name}', f'&amp;amp;{name}', f'&#{code};', f'&#{code}', f'&#x{code:x};', f'&#X{code:X}',
                         f'&amp;#{code};', '&', '&;', '&#;', '&#x;', '&nope;', '&notit;', '&NotEqualTilde;x', '&CounterClockwiseContourIntegral;', '&ampamp', '&lt;b&gt;', '&quot;it&#39;s&quot;', '&hellip;', '&EACUTE;', '&SZLIG;'])

    def markup(self):
        r = self.r
        parts = [r.choice([self.reference, self.reference, lambda: r.choice(WORDS), lambda: r.choice(['<', '<b>', '>', '\n', ' '] if r.random() < .3 else [' '])])() for _ in range(r.randint(1, 6))]
        return r.choice(['', ' ']).join(parts)

    def mojibake(self):
        r = self.r
        text = r.choice(SAMPLES)
        if r.random() < .2: text = f'{text} {r.choice(SAMPLES)}'
        if r.random() < .1: text = self.emoji() + text
        for _ in range(r.choice([1, 1, 1, 2, 3])):
            encoding, result = r.choice(SINGLE_BYTE[:2] + SINGLE_BYTE), ''
            for byte in text.encode('utf-8', 'replace'):
                try: result += bytes([byte]).decode(encoding)
                except UnicodeDecodeError: result += r.choice([chr(byte), chr(byte), '\ufffd'])
            text = result
            if len(text) > 200: break
        if r.random() < .2: text = text.replace('\xa0', ' ')
        if r.random() < .1: text = text.replace(r.choice(text), r.choice(['?', '\ufffd', ' ']))
        if r.random() < .1: text = text[:r.randrange(len(text)) + 1]
        if r.random() < .2: text = f'{self.words(2)} {text} {r.choice(SAMPLES)}'
        return text

    def spaced(self):
        r = self.r
        return ''.join(r.choice([lambda: r.choice(SPACES), lambda: r.choice(WORDS), lambda: r.choice(WORDS) + ' '])() for _ in range(r.randint(1, 8)))

    def controlled(self):
        r = self.r
        return ''.join(r.choice([lambda: r.choice(CONTROLS), lambda: r.choice(WORDS), lambda: ' ', lambda: r.choice(SAMPLES)[:6]])() for _ in range(r.randint(1, 8)))

    def long(self):
        r = self.r
        return r.choice([lambda: self.words(r.randint(70, 130)), lambda: r.choice(WORDS) * r.randint(80, 200), lambda: ''.join(r.choices(EMOJI, k=r.randint(30, 60))), lambda: '!' * r.randint(70, 300),
                         lambda: ' '.join(self.script() for _ in range(12)), lambda: ' '.join(self.mojibake() for _ in range(6)), lambda: ''.join(r.choices('0123456789', k=90)),
                         lambda: f'{self.words(r.randint(74, 78))} {r.choice(EMOJI)}', lambda: ' '.join(self.reference() for _ in range(40))])()

    def soup(self):
        r = self.r
        return ''.join(r.choices(self.all, k=r.randint(1, 12)))

    def oddity(self):
        r = self.r
        return r.choice([' ', '', "'"]).join(r.choice(r.choice([LATIN_ODDITIES, LATIN_ODDITIES, SPECIALS, CONTRACTIONS, SAMPLES])) for _ in range(r.randint(1, 3)))

    def contraction(self):
        r = self.r
        return r.choice([' ', '', ', ']).join(r.choice(r.choice([CONTRACTIONS, CONTRACTIONS, WORDS])) for _ in range(r.randint(1, 5)))

    def mixture(self):
        r = self.r
        kinds = [self.phrase, self.script, self.emoji, self.reference, self.mojibake, self.spaced, self.contraction, self.oddity, self.soup]
        return r.choice([' ', '', ' - ']).join(r.choice(kinds)() for _ in range(r.randint(2, 3)))

    def draw(self, count, accept):
        """`count` texts that `accept` accepts: what is listed above, each script once or more, some that are too long, then each kind in turn."""
        texts = [*filter(accept, ['', ' ', *SUBJECTS, *CONTRACTIONS, *SAMPLES, *LATIN_ODDITIES, *SPECIALS, *JOINED, *CONTROLS, *SPACES])]
        texts += [self.drawn(lambda: self.script(name), accept) for name in self.scripts]
        texts += [self.drawn(self.long, accept) for _ in range(count // 40)]
        kinds = [self.phrase, self.script, self.emoji, self.markup, self.markup, self.mojibake, self.mojibake, self.spaced, self.controlled, self.soup, self.oddity, self.contraction, self.mixture]
        while len(texts) < count: texts.append(self.drawn(kinds[len(texts) % len(kinds)], accept))
        return texts

    def drawn(self, kind, accept):
        while True:
            text = kind()
            if accept(text): return text
