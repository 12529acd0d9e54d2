// Damage of the kinds that transfers, programs and people with bad intent do to files.
import { stream } from './random.mjs'

const sizes = [
  0, 1, 2, 7, 8, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
]
const longest = 300_000

const joined = (...parts) => Uint8Array.from(Buffer.concat(parts))
const span = (bytes, random) => {
  const from = random.below(bytes.length + 1)
  return [from, Math.min(bytes.length, from + 1 + random.below(random.chance(0.5) ? 16 : bytes.length + 1))]
}

/** Each takes bytes and gives others. */
const binary = {
  flip(bytes, random) {
    const out = Uint8Array.from(bytes)
    for (let n = 1 + random.below(8); n > 0; n--) out[random.below(out.length)] ^= 1 << random.below(8)
    return out
  },
  set(bytes, random) {
    const out = Uint8Array.from(bytes)
    for (let n = 1 + random.below(4); n > 0; n--)
      out[random.below(out.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, 0x1b, 0x9b, random.below(256)])
    return out
  },
  truncate: (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  remove(bytes, random) {
    const [from, to] = span(bytes, random)
    return joined(bytes.subarray(0, from), bytes.subarray(to))
  },
  insert(bytes, random) {
    const at = random.below(bytes.length + 1)
    return joined(
      bytes.subarray(0, at),
      Uint8Array.from({ length: 1 + random.below(64) }, () => random.below(256)),
      bytes.subarray(at),
    )
  },
  repeat(bytes, random) {
    const [from, to] = span(bytes, random)
    const block = bytes.subarray(from, to)
    const times = Math.min(random.pick([1, 2, 10, 100, 3000]), Math.floor(longest / (block.length + 1)))
    return joined(bytes.subarray(0, to), ...Array(times).fill(block), bytes.subarray(to))
  },
  length(bytes, random) {
    const out = Uint8Array.from(bytes)
    const view = new DataView(out.buffer)
    const width = random.pick([2, 4, 8].filter((n) => n <= out.length))
    if (width === undefined) return out
    const at = random.below(random.chance(0.5) ? Math.min(64, out.length - width + 1) : out.length - width + 1)
    const value = random.chance(0.2) ? out.length + random.below(9) - 4 : random.pick(sizes)
    const little = random.chance(0.5)
    if (width === 2) view.setUint16(at, value, little)
    else if (width === 4) view.setUint32(at, value, little)
    else
      view.setBigUint64(
        at,
        random.chance(0.3)
          ? 2n ** 64n - BigInt(1 + random.below(4096))
          : BigInt(value) * BigInt(random.pick([1, 1, 4096, 2 ** 31])),
        little,
      )
    return out
  },
  splice(bytes, random, others) {
    const other = random.pick(others)
    const [from, to] = [random.below(bytes.length + 1), random.below(other.length + 1)]
    return joined(bytes.subarray(0, from), other.subarray(to))
  },
  swap(bytes, random) {
    const out = Uint8Array.from(bytes)
    const [from, to] = span(bytes, random)
    out.copyWithin(random.below(out.length + 1), from, to)
    return out
  },
}

const numbers = [
  '-1',
  '0',
  '0.5',
  '-0',
  '1e308',
  '1e999',
  '4294967296',
  '99999999999999999999',
  '9007199254740993',
  '1e9',
  'NaN',
  'null',
  '"7"',
  '[]',
  '{}',
  '[1, [2]]',
  '.inf',
  '0x7f',
]
const words = [
  'null',
  'true',
  '""',
  '"\\u001b[2J"',
  '[]',
  '{}',
  '{"a": {"a": {}}}',
  '\u001b[2J\u001b]0;owned\u0007',
  '\u009b31m',
  '\u202egpj.exe',
  '__proto__',
  'constructor',
  '*a',
  '&a',
  '!!binary x',
  '- ',
  '? ',
  '%YAML 1.1\n---\n',
  '<<: *a',
  '\ufeff',
  '\0',
]

const text = {
  number(bytes, random) {
    const all = [...decode(bytes).matchAll(/-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi)]
    return replaced(bytes, random.pick(all), random.pick(numbers))
  },
  word(bytes, random) {
    const all = [...decode(bytes).matchAll(/"(?:[^"\\\n]|\\.){0,200}"|[\w-]+/g)]
    return replaced(bytes, random.pick(all), random.pick(words))
  },
  key(bytes, random) {
    const match = random.pick([...decode(bytes).matchAll(/(?<![\w-])[\w-]{1,40}(?="?\s{0,9}:)/g)])
    return replaced(bytes, match, `${random.pick(['', match?.[0] ?? ''])}${random.pick(words).replaceAll('"', '')}`)
  },
  nest(bytes, random) {
    const at = random.below(bytes.length + 1)
    const depth = random.pick([1, 10, 100, 10_000])
    const [open, close] = random.pick([
      ['[', ']'],
      ['{"a":', '}'],
      ['- ', ''],
      ['(', ')'],
      ['&a [', ']'],
    ])
    return joined(
      bytes.subarray(0, at),
      encode(open.repeat(depth)),
      encode(random.chance(0.5) ? close.repeat(depth) : ''),
      bytes.subarray(at),
    )
  },
  line(bytes, random) {
    const lines = decode(bytes).split('\n')
    lines.splice(random.below(lines.length), random.below(2), random.pick(lines))
    return encode(lines.join('\n'))
  },
}

const decode = (bytes) => Buffer.from(bytes).toString('utf8')
const encode = (words) => Uint8Array.from(Buffer.from(words, 'utf8'))
const replaced = (bytes, match, by) => {
  if (match === undefined) return bytes
  const whole = decode(bytes)
  return encode(`${whole.slice(0, match.index)}${by}${whole.slice(match.index + match[0].length)}`)
}

/**
 * The damaged file of this number.
 * @param {{ name: string, seeds: readonly Uint8Array[], isText?: boolean, repair?: (bytes: Uint8Array) => Uint8Array }}
 *   reader
 */
export function damagedFile(reader, seed, number) {
  const random = stream(`${seed}/${reader.name}/${number}`)
  const kinds = [
    ...Object.values(binary),
    ...(reader.isText === true ? [...Object.values(text), ...Object.values(text), ...Object.values(text)] : []),
  ]
  let bytes = random.pick(reader.seeds)
  for (let n = random.pick([1, 1, 1, 2, 3, 5]); n > 0; n--)
    if (bytes.length > 0) bytes = random.pick(kinds)(bytes, random, reader.seeds)
  // A checksum that is right lets the damage further in.
  return reader.repair !== undefined && random.chance(0.7) ? reader.repair(bytes) : bytes
}
