"""Ways to spoil bytes, words, JSON values and the headers of safetensors files."""
import json, re

NUMBERS = ['0', '-1', '1', '2', '3', '0.1', '1e308', '1e-320', '-0.0', 'NaN', 'inf', '255', '65536', '2147483648', '4294967295',
           '18446744073709551616', '1e999', '00', '0x10', '1_000', 'true', 'null', '""', '[]', '{}']
PIECES = [b'\0', b'\r', b'\n', b'\r\n', b'\n\n', b'\t', b'"', b"'", b'\\', b',', b'[', b']', b'{', b'}', b':', b'=', b'#', b'\xff',
          b'\xc3', b'\xe2\x80\xa8', b'\xef\xbb\xbf', b'\xf0\x9f\x98\x80', b'\xed\xa0\x80', b'\\ud83d', b'\\u0000', b'[MASK]',
          b'[UNK]', b'[PAD]', b'##', b'\xcc\x81', b'\xd9\x8b', b' ' * 300, b'a' * 5000, b'[' * 300, b'NaN', b'-', b'1e400']
WORDS = re.compile(rb'[A-Za-z_]+|-?\d+(?:\.\d+)?(?:e-?\d+)?|\s+|.', re.DOTALL)


def bytes_(random, data):
    """One to four changes anywhere."""
    data = bytearray(data)
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        at = random.randrange(len(data) + 1)
        to = min(len(data), at + random.choice([1, 1, 2, 8, 64]))
        what = random.randrange(7)
        if what == 0 and data:
            data[min(at, len(data) - 1)] ^= 1 << random.randrange(8)
        elif what == 1:
            data[at:at] = random.choice(PIECES)
        elif what == 2:
            data[at:to] = random.choice(PIECES)
        elif what == 3:
            del data[at:to]
        elif what == 4:
            data[at:at] = data[at:to] * random.choice([1, 2, 30])
        elif what == 5:
            data[at:to] = bytes(random.randrange(256) for _ in range(to - at))
        elif random.random() < 0.3:
            del data[at:]
    return bytes(data)


def words(random, data):
    """Words, numbers and signs swapped, doubled, dropped, or put in another's place."""
    parts = WORDS.findall(data)
    for _ in range(random.choice([1, 1, 2, 3])):
        if not parts:
            break
        at, other = random.randrange(len(parts)), random.randrange(len(parts))
        what = random.randrange(6)
        if what == 0:
            parts[at], parts[other] = parts[other], parts[at]
        elif what == 1:
            parts[at] = parts[other]
        elif what == 2:
            del parts[at]
        elif what == 3:
            parts.insert(at, parts[other])
        elif what == 4:
            parts[at] = random.choice(PIECES)
        else:
            numbers = [place for place, part in enumerate(parts) if part[-1:].isdigit()]
            parts[random.choice(numbers) if numbers else at] = random.choice(NUMBERS).encode()
    return b''.join(parts)


def lines(random, data):
    """Lines swapped, doubled, dropped, joined; cells too many or too few."""
    rows = data.split(b'\n')
    at, other = random.randrange(len(rows)), random.randrange(len(rows))
    what = random.randrange(5)
    if what == 0:
        rows[at], rows[other] = rows[other], rows[at]
    elif what == 1:
        rows[at:at + 2] = [b''.join(rows[at:at + 2])]
    elif what == 2:
        rows[at] = b'\t'.join(random.sample(cells := rows[at].split(b'\t'), random.randint(0, len(cells))))
    elif what == 3:
        rows[at] += b'\t' + rows[other]
    else:
        rows[at] = bytes_(random, rows[at])
    return b'\n'.join(rows)


def values(random, data):
    """A JSON document with some values of other kinds, keys lost, doubled or renamed; as a text where it is none."""
    try:
        document = json.loads(data)
    except ValueError:
        return words(random, data)
    for _ in range(random.choice([1, 1, 2, 3])):
        places = list(inner(document))
        if not places:
            break
        holder, key = random.choice(places)
        what = random.randrange(5)
        if what == 0:
            del holder[key]
        elif what == 1:
            holder[key] = other_value(random, holder[key])
        elif what == 2:
            source, name = random.choice(places)
            holder[key] = json.loads(json.dumps(source.get(name) if isinstance(source, dict) else source[name] if name < len(source) else None))
        elif what == 3 and isinstance(holder, dict):
            holder[random.choice(['', 'x', str(key).upper(), str(key) + ' '])] = holder[key]
        else:
            holder[key] = other_value(random, holder[key])
    return json.dumps(document, ensure_ascii=random.random() < 0.5).encode('utf-8', 'surrogatepass')


def inner(value):
    places = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for place in places:
        yield value, place
        yield from inner(value[place])


def other_value(random, value):
    if isinstance(value, (int, float)) and not isinstance(value, bool) and random.random() < 0.6:
        return random.choice([0, -1, 1, value + 1, value - 1, value * 2, -value, value / 2, 2**31, 2**32 - 1, 2**63, 2**64, 1e308, 1e-320,
                              float('nan'), float('inf')])
    if isinstance(value, str) and random.random() < 0.6:
        return random.choice(['', value * 2, value.upper(), value[:-1], '\0', '\ud83d', '\u2028', 'é', '😀', ' ', '[MASK]', 'a' * 3000])
    return random.choice([None, True, False, 0, -1, 1.5, '', 'text', [], {}, [[]], {'a': {}}, [value], [1, 'a', None]])


def header(random, data):
    """A safetensors file with another header, or another length of it, or bytes spoiled behind it."""
    size = int.from_bytes(data[:8], 'little')
    head, body = data[8:8 + size], data[8 + size:]
    what = random.randrange(6)
    if what == 0:
        length = random.choice([0, 1, size - 1, size + 1, len(data), 2**31, 2**63, 2**64 - 1])
        return length.to_bytes(8, 'little') + head + body
    if what == 1:
        body = bytes_(random, body)
    elif what == 2:
        body = random.choice([body[:-1], body + b'\0', b'', body[:len(body) // 2], body * 2])
    elif what == 3:
        head = bytes_(random, head)
    elif what == 4:
        head = words(random, head)
    else:
        head = values(random, head)
    return len(head).to_bytes(8, 'little') + head + body
