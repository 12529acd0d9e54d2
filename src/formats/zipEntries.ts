import { Text2LiveError } from '../errors.js'

/** A file that is read in parts. */
export interface RandomAccess {
  /** What error messages call it. */
  readonly location: string
  /** Bytes. */
  readonly size: number
  /** The bytes from `start` to before `end`. */
  read(start: number, end: number): Promise<Uint8Array>
}

/** A file in a zip archive. */
export interface ZipEntry {
  readonly size: number
  readonly compressed: boolean
  /** Where its header stands; `zipEntryStart` reads on from there. */
  readonly header: number
}

const END = 0x06054b50
const END_LENGTH = 22
const END64_LOCATOR = 0x07064b50
const END64_LOCATOR_LENGTH = 20
const END64 = 0x06064b50
const END64_LENGTH = 56
const CENTRAL = 0x02014b50
const CENTRAL_LENGTH = 46
const LOCAL = 0x04034b50
const LOCAL_LENGTH = 30
const ZIP64_EXTRA = 1
const UNKNOWN32 = 0xffffffff
/** A directory this long has a hundred thousand entries. */
const longestDirectory = 2 ** 24

/**
 * The files of a zip archive by name, from its central directory; archives over 4 GB (zip64) too.
 * @throws PYTORCH_FILE_INVALID for what is no such archive or is cut short
 */
export async function readZipEntries(file: RandomAccess): Promise<Map<string, ZipEntry>> {
  const { start, length, count } = await findDirectory(file)
  if (length > longestDirectory || start + length > file.size)
    throw invalidArchive(file, 'its directory lies outside the file')
  const directory = viewOf(await file.read(start, start + length))
  const names = new TextDecoder()
  const entries = new Map<string, ZipEntry>()
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_LENGTH > length || directory.getUint32(at, true) !== CENTRAL)
      throw invalidArchive(file, `entry ${i} of its directory is broken`)
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) =>
      directory.getUint16(at + field, true),
    ) as [number, number, number]
    const next = at + CENTRAL_LENGTH + nameLength + extraLength + commentLength
    if (next > length) throw invalidArchive(file, `entry ${i} of its directory is cut`)
    const name = names.decode(bytesOf(directory, at + CENTRAL_LENGTH, nameLength))
    if (entries.has(name)) throw invalidArchive(file, `it holds "${name}" twice`)
    entries.set(name, {
      ...placeOf(directory, at, at + CENTRAL_LENGTH + nameLength, extraLength),
      compressed: directory.getUint16(at + 10, true) !== 0,
    })
    at = next
  }
  return entries
}

/**
 * Where the bytes of an entry begin. PyTorch compresses the code of TorchScript, which is never read, but no data.
 * @throws PYTORCH_FILE_INVALID when it does not lie in the file, or is compressed
 */
export async function zipEntryStart(
  file: RandomAccess,
  name: string,
  { header, size, compressed }: ZipEntry,
): Promise<number> {
  if (compressed) throw invalidArchive(file, `"${name}" is compressed, which PyTorch never does to data`)
  if (header + LOCAL_LENGTH > file.size) throw invalidArchive(file, `"${name}" lies outside the file`)
  const local = viewOf(await file.read(header, header + LOCAL_LENGTH))
  if (local.getUint32(0, true) !== LOCAL) throw invalidArchive(file, `the header of "${name}" is broken`)
  const start = header + LOCAL_LENGTH + local.getUint16(26, true) + local.getUint16(28, true)
  if (start + size > file.size) throw invalidArchive(file, `"${name}" is cut`)
  return start
}

async function findDirectory(file: RandomAccess): Promise<{ start: number; length: number; count: number }> {
  const from = Math.max(0, file.size - END_LENGTH - 0xffff)
  const tail = viewOf(await file.read(from, file.size))
  let end = tail.byteLength - END_LENGTH
  while (end >= 0 && tail.getUint32(end, true) !== END) end--
  if (end < 0) throw invalidArchive(file, 'it is no zip archive, or it is cut short')
  const locator = end - END64_LOCATOR_LENGTH
  if (locator < 0 || tail.getUint32(locator, true) !== END64_LOCATOR) {
    return {
      count: tail.getUint16(end + 10, true),
      length: tail.getUint32(end + 12, true),
      start: tail.getUint32(end + 16, true),
    }
  }
  const at = Number(tail.getBigUint64(locator + 8, true))
  if (at + END64_LENGTH > file.size) throw invalidArchive(file, 'the end of its directory lies outside the file')
  const end64 = viewOf(await file.read(at, at + END64_LENGTH))
  if (end64.getUint32(0, true) !== END64) throw invalidArchive(file, 'the end of its directory is broken')
  const wide = (field: number): number => Number(end64.getBigUint64(field, true))
  return { count: wide(32), length: wide(40), start: wide(48) }
}

/** Size and place of an entry; a zip64 extra field holds those that need more than 32 bits, in this order. */
function placeOf(directory: DataView, at: number, extraAt: number, extraLength: number): Omit<ZipEntry, 'compressed'> {
  const [size32, stored32, header32] = [24, 20, 42].map((field) => directory.getUint32(at + field, true)) as [
    number,
    number,
    number,
  ]
  let field = extraAt
  while (field + 4 <= extraAt + extraLength) {
    const [id, length] = [directory.getUint16(field, true), directory.getUint16(field + 2, true)]
    if (id === ZIP64_EXTRA) {
      let next = field + 4
      const wide = (known: number): number => {
        if (known !== UNKNOWN32 || next + 8 > field + 4 + length) return known
        next += 8
        return Number(directory.getBigUint64(next - 8, true))
      }
      const size = wide(size32)
      wide(stored32)
      return { size, header: wide(header32) }
    }
    field += 4 + length
  }
  return { size: size32, header: header32 }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const bytesOf = (view: DataView, start: number, length: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + start, length)

/** The one error of a broken file. */
export function invalidArchive({ location }: Pick<RandomAccess, 'location'>, problem: string): Text2LiveError {
  return new Text2LiveError(
    'PYTORCH_FILE_INVALID',
    `Expected ${location} to be a file of PyTorch (a zip archive, as torch.save and torch.jit.save write since 1.6): ${problem}. Copy or download it again.`,
  )
}
