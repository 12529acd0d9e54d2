import { Text2LiveError } from '../errors.js'

/** Bytes of one element, for every dtype that the format names. */
export const safetensorsDtypes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const

export type SafetensorsDtype = keyof typeof safetensorsDtypes

/** Where one tensor lies: `start` and `end` count bytes from the beginning of the file. */
export interface SafetensorsEntry {
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  readonly start: number
  readonly end: number
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>
  readonly entries: ReadonlyMap<string, SafetensorsEntry>
}

/** Bytes before the JSON: its length, unsigned 64-bit, little-endian. */
export const headerStart = 8
/** The limit of the reference implementation; a larger claim is refused before anything is read. */
const longestHeader = 100_000_000
/** What is read of it: parsing takes many times the memory, and the largest models have some 10 MB. */
const longestRead = 2 ** 25
/** Tensors, and the texts of the metadata. */
const mostEntries = 200_000
/** Axes of a tensor: PyTorch has at most 64. */
const mostAxes = 64
/** Top level, tensor, its list of numbers: a valid header never nests deeper. */
const deepestNesting = 3

/** The one error of this format: what is wrong with the file called `source`, what came and what to do. */
function invalidSafetensors(source: string, problem: string): Text2LiveError {
  return new Text2LiveError(
    'SAFETENSORS_INVALID',
    `${source} is not a valid safetensors file: ${problem}. Copy or download the file again, or write it again with the program that made it.`,
  )
}

/**
 * Length of the JSON header, from the first 8 bytes of a file of `fileSize` bytes.
 * @throws SAFETENSORS_INVALID when the length cannot be true; nothing is allocated for it.
 */
export function safetensorsHeaderLength(first: Uint8Array, fileSize: number, source: string): number {
  if (first.byteLength < headerStart || fileSize < headerStart) {
    throw invalidSafetensors(
      source,
      `expected at least 8 bytes for the header length, the file has ${Math.min(fileSize, first.byteLength)}`,
    )
  }
  const length = new DataView(first.buffer, first.byteOffset, headerStart).getBigUint64(0, true)
  if (length > BigInt(longestHeader)) {
    throw invalidSafetensors(source, `it claims a header of ${length} bytes, the limit is ${longestHeader}`)
  }
  if (headerStart + Number(length) > fileSize) {
    throw invalidSafetensors(
      source,
      `it claims a header of ${length} bytes, only ${fileSize - headerStart} bytes follow the length`,
    )
  }
  if (Number(length) > longestRead)
    throw invalidSafetensors(
      source,
      `its header has ${length} bytes, more than the ${longestRead} that the names of a model's tensors take`,
    )
  return Number(length)
}

/**
 * Parses and checks the JSON header: every byte of the data belongs to exactly one tensor, and every tensor's bytes
 * match its dtype and shape.
 * @param json the header's bytes, without the 8 bytes of its length
 * @param fileSize bytes of the whole file
 * @throws SAFETENSORS_INVALID
 */
export function parseSafetensorsHeader(json: Uint8Array, fileSize: number, source: string): SafetensorsHeader {
  const dataStart = headerStart + json.byteLength
  const root = parseJson(json, source)
  const metadata: Record<string, string> = {}
  const entries = new Map<string, SafetensorsEntry>()
  for (const [name, value] of Object.entries(root)) {
    if (name !== '__metadata__') entries.set(name, parseEntry(name, value, dataStart, fileSize, source))
    else
      for (const [key, text] of Object.entries(asObject(value, '"__metadata__"', source))) {
        if (typeof text !== 'string')
          throw invalidSafetensors(source, `expected metadata "${key}" to be a string, it is ${kindOf(text)}`)
        Object.defineProperty(metadata, key, { value: text, enumerable: true })
      }
  }
  checkCoverage(entries, dataStart, fileSize, source)
  return { metadata, entries }
}

function parseJson(json: Uint8Array, source: string): Record<string, unknown> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json)
  } catch {
    throw invalidSafetensors(source, 'expected its header to be UTF-8 text, it is not')
  }
  if (!text.startsWith('{'))
    throw invalidSafetensors(
      source,
      `expected its header to begin with "{", it begins with ${JSON.stringify(text.slice(0, 1))}`,
    )
  checkNesting(text, source)
  let root: unknown
  try {
    root = JSON.parse(text)
  } catch (error) {
    throw invalidSafetensors(
      source,
      `its header is not JSON (${error instanceof Error ? error.message : String(error)})`,
    )
  }
  checkDuplicates(text, source)
  return asObject(root, 'the header', source)
}

/** Before JSON.parse, because a hostile header may be nothing but opening brackets. */
function checkNesting(text: string, source: string): void {
  let depth = 0
  let names = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '"') i = endOfString(text, i)
    else if (c === ':') {
      // A tensor has four: its own and those of its three properties.
      if (++names > 4 * mostEntries) throw invalidSafetensors(source, `its header has more than ${mostEntries} entries`)
    } else if (c === '{' || c === '[') {
      if (++depth > deepestNesting)
        throw invalidSafetensors(source, `its header nests deeper than ${deepestNesting} levels at character ${i}`)
    } else if (c === '}' || c === ']') depth--
  }
}

/** JSON.parse keeps the last of two equal keys in silence. `text` is valid JSON here. */
function checkDuplicates(text: string, source: string): void {
  const keys: Set<string>[] = []
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '{' || c === '[') keys.push(new Set())
    else if (c === '}' || c === ']') keys.pop()
    else if (c === '"') {
      const end = endOfString(text, i)
      const literal = text.slice(i, end + 1)
      i = end
      let next = end + 1
      while (/\s/.test(text[next] ?? '')) next++
      if (text[next] !== ':') continue
      const key = String(JSON.parse(literal))
      const seen = keys.at(-1)
      if (seen?.has(key)) throw invalidSafetensors(source, `its header has the name "${key}" twice`)
      seen?.add(key)
    }
  }
}

/** Index of the quote that closes the string opened at `open`; the end of the text where none does. */
function endOfString(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '"') return i
  }
  return text.length
}

function parseEntry(
  name: string,
  value: unknown,
  dataStart: number,
  fileSize: number,
  source: string,
): SafetensorsEntry {
  const { dtype, shape, data_offsets: offsets } = asObject(value, `tensor "${name}"`, source)
  if (typeof dtype !== 'string' || !Object.hasOwn(safetensorsDtypes, dtype)) {
    const known = Object.keys(safetensorsDtypes).join(', ')
    throw invalidSafetensors(source, `tensor "${name}" has dtype ${shown(dtype)}, expected one of ${known}`)
  }
  const known = dtype as SafetensorsDtype
  if (!isSizes(shape))
    throw invalidSafetensors(
      source,
      `tensor "${name}" has shape ${shown(shape)}, expected a list of whole numbers from 0 to 2^53, at most ${mostAxes} of them`,
    )
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw invalidSafetensors(
      source,
      `tensor "${name}" has data_offsets ${shown(offsets)}, expected two whole numbers [begin, end]`,
    )
  }
  const [begin = 0, end = 0] = offsets
  if (begin > end) throw invalidSafetensors(source, `tensor "${name}" begins at byte ${begin}, after its end at ${end}`)
  if (end > fileSize - dataStart) {
    throw invalidSafetensors(
      source,
      `tensor "${name}" ends at byte ${end} of the data, the file has ${fileSize - dataStart}`,
    )
  }
  const bytes = shape.reduce((product, size) => product * size, safetensorsDtypes[known])
  if (bytes !== end - begin) {
    throw invalidSafetensors(
      source,
      `tensor "${name}" (${dtype}, shape [${shape.join(', ')}]) needs ${bytes} bytes, its offsets give ${end - begin}`,
    )
  }
  return { dtype: known, shape, start: dataStart + begin, end: dataStart + end }
}

/** Tensors sorted by place must follow each other without overlap or gap, up to the last byte of the file. */
function checkCoverage(
  entries: ReadonlyMap<string, SafetensorsEntry>,
  dataStart: number,
  fileSize: number,
  source: string,
): void {
  const inOrder = [...entries].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)
  let covered = dataStart
  let previous = 'the header'
  for (const [name, { start, end }] of inOrder) {
    if (start < covered)
      throw invalidSafetensors(source, `tensor "${name}" overlaps ${previous} by ${covered - start} bytes`)
    if (start > covered)
      throw invalidSafetensors(
        source,
        `${start - covered} bytes between ${previous} and tensor "${name}" belong to no tensor`,
      )
    covered = end
    previous = `tensor "${name}"`
  }
  if (covered !== fileSize)
    throw invalidSafetensors(source, `${fileSize - covered} bytes after ${previous} belong to no tensor`)
}

function asObject(value: unknown, what: string, source: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidSafetensors(source, `expected ${what} to be a JSON object, it is ${kindOf(value)}`)
  }
  return value as Record<string, unknown>
}

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) &&
  value.length <= mostAxes &&
  value.every((size) => Number.isSafeInteger(size) && size >= 0 && !Object.is(size, -0))

const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`
const shown = (value: unknown): string => (value === undefined ? 'none' : JSON.stringify(value).slice(0, 80))
