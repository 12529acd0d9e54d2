/** The formats a photo or mask may come in. */
export type PhotoFormat = 'jpeg' | 'png' | 'webp' | 'avif' | 'tiff'

const ascii = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to))

/** What a file is, told by its bytes. */
interface SniffedFormat {
  /** Where it is one that can be read. */
  readonly format?: PhotoFormat
  /** In words for an error message. */
  readonly looksLike: string
  /** What to do with a file that cannot be read: a sentence. */
  readonly remedy: string
}

const remedies = {
  any: 'Convert it to one of these.',
  heic:
    'Convert it: on macOS "sips -s format jpeg photo.heic --out photo.jpg", on Linux "heif-convert photo.heic photo.jpg"; an iPhone takes JPEG with ' +
    'Settings > Camera > Formats > Most Compatible.',
  raw: "Develop it in a raw converter (darktable, RawTherapee, the camera's own program) and export a 16-bit TIFF or a JPEG.",
  jxl: 'Convert it: "djxl photo.jxl photo.png".',
  svg: 'Draw it as pixels: "rsvg-convert -w 1024 drawing.svg -o drawing.png", or export PNG from the program that made it.',
  gif: 'Save one frame of it as PNG; an animation is edited as a clip: text2live video.',
  clip: 'A clip is edited with text2live video; for a photo, save one frame of it as PNG.',
  magick: 'Convert it: "magick photo.bmp photo.png", or save it as PNG in an image program.',
  layers: 'Export it as PNG or TIFF from the program that made it.',
  page: 'An address gave a page instead of the picture: download the picture itself.',
} as const

/** What a file's first bytes look like, with `format` when it is one that can be read. */
export function sniffFormat(bytes: Uint8Array): SniffedFormat {
  const head = ascii(bytes, 0, 4)
  const readable = (format: PhotoFormat, looksLike: string): SniffedFormat => ({
    format,
    looksLike,
    remedy: remedies.any,
  })
  if (head.startsWith('\xff\xd8\xff')) return readable('jpeg', 'JPEG')
  if (head === '\x89PNG') return readable('png', 'PNG')
  if (head === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return readable('webp', 'WebP')
  if (head === 'II*\0' || head === 'MM\0*' || head === 'II+\0' || head === 'MM\0+') {
    // Camera raw files are TIFF files too, whose first picture is often a thumbnail.
    return isCameraRaw(bytes) ? { looksLike: 'a camera raw file', remedy: remedies.raw } : readable('tiff', 'TIFF')
  }
  if (ascii(bytes, 4, 8) === 'ftyp') return sniffBrands(bytes)
  for (const [signature, looksLike, remedy] of others) {
    if (ascii(bytes, 0, signature.length) === signature) return { looksLike, remedy: remedies[remedy] }
  }
  const start = bytes.subarray(0, 512)
  const text = ascii(start, 0, start.length)
  if (/^(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?((<!--[^]*?-->|<!doctype svg[^>]*>)\s*)*<svg/i.test(text))
    return { looksLike: 'SVG', remedy: remedies.svg }
  if (/^\s*(<!doctype html|<html)/i.test(text)) return { looksLike: 'an HTML page', remedy: remedies.page }
  const printable = start.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13)
  const shown = [...start.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return {
    looksLike: printable ? `text ("${text.slice(0, 24).replace(/\s+/g, ' ')}")` : `unknown data (first bytes ${shown})`,
    remedy: remedies.any,
  }
}

/**
 * ISO 14496-12, 4.3: the major brand and the compatible ones. A file of major brand mif1 is AVIF or HEIC by what else
 * it says.
 */
function sniffBrands(bytes: Uint8Array): SniffedFormat {
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0)
  const brands = [ascii(bytes, 8, 12)]
  for (let at = 16; at + 4 <= Math.min(size, bytes.length, 512); at += 4) brands.push(ascii(bytes, at, at + 4))
  const [major = ''] = brands
  if (/^avi[fs]$/.test(major)) return { format: 'avif', looksLike: 'AVIF', remedy: remedies.any }
  if (major === 'crx ') return { looksLike: 'a camera raw file', remedy: remedies.raw }
  if (/^(hei|hev|mif1|msf1|miaf)/.test(major)) {
    const isAvif =
      !/^he/.test(major) &&
      brands.some((brand) => /^avi[fs]$/.test(brand)) &&
      !brands.some((brand) => /^he[iv]/.test(brand))
    return isAvif
      ? { format: 'avif', looksLike: 'AVIF', remedy: remedies.any }
      : { looksLike: 'HEIC', remedy: remedies.heic }
  }
  return {
    looksLike: `a video or other media container ("${major.replace(/[^\x20-\x7e]/g, '?')}")`,
    remedy: remedies.clip,
  }
}

const tags = { photometric: 262, subDirectories: 330, dngVersion: 50706 } as const
/** PhotometricInterpretation of samples behind a colour filter, and of such samples made linear. */
const rawSamples = new Set([32803, 34892])

/**
 * Does a TIFF file hold what a sensor gave? Its directories say so: DNG by its version, others by samples behind a
 * colour filter; Canon's by a mark of its own.
 */
function isCameraRaw(bytes: Uint8Array): boolean {
  if (ascii(bytes, 8, 10) === 'CR') return true
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = bytes[0] === 0x49
  // BigTIFF is no camera's.
  if (bytes.length < 8 || view.getUint16(2, little) !== 42) return false
  const open = [view.getUint32(4, little)]
  for (let seen = 0; open.length > 0 && seen < 16; seen++) {
    const at = open.pop()!
    if (at + 2 > bytes.length) continue
    const entries = view.getUint16(at, little)
    for (let i = 0; i < entries && at + 14 + 12 * i <= bytes.length; i++) {
      const entry = at + 2 + 12 * i
      const [tag, count, value] = [
        view.getUint16(entry, little),
        view.getUint32(entry + 4, little),
        view.getUint32(entry + 8, little),
      ]
      if (tag === tags.dngVersion) return true
      if (tag === tags.photometric && rawSamples.has(view.getUint16(entry + 8, little))) return true
      if (tag !== tags.subDirectories) continue
      if (count === 1) open.push(value)
      for (let k = 0; count > 1 && k < Math.min(count, 8) && value + 4 * k + 4 <= bytes.length; k++)
        open.push(view.getUint32(value + 4 * k, little))
    }
    const next = at + 2 + 12 * entries
    if (next + 4 <= bytes.length && view.getUint32(next, little) !== 0) open.push(view.getUint32(next, little))
  }
  return false
}

const others: readonly (readonly [signature: string, looksLike: string, remedy: keyof typeof remedies])[] = [
  ['GIF8', 'GIF', 'gif'],
  ['BM', 'BMP', 'magick'],
  ['8BPS', 'a Photoshop document', 'layers'],
  ['%PDF', 'PDF', 'layers'],
  ['PK\x03\x04', 'a zip archive', 'any'],
  ['\x1f\x8b', 'gzip data', 'any'],
  ['\xff\x0a', 'JPEG XL', 'jxl'],
  ['\0\0\0\x0cJXL ', 'JPEG XL', 'jxl'],
  ['\0\0\0\x0cjP  ', 'JPEG 2000', 'magick'],
  ['gimp xcf', 'a GIMP document', 'layers'],
  ['v/1\x01', 'OpenEXR', 'layers'],
  ['\x1aE\xdf\xa3', 'a video (WebM or MKV)', 'clip'],
  ['\0\0\x01\0', 'an icon (ICO)', 'magick'],
  ['FUJIFILM', 'a camera raw file', 'raw'],
  ['IIRO', 'a camera raw file', 'raw'],
  ['IIRS', 'a camera raw file', 'raw'],
  ['MMOR', 'a camera raw file', 'raw'],
  ['IIU\0', 'a camera raw file', 'raw'],
  ['FOVb', 'a camera raw file', 'raw'],
  ['\0MRM', 'a camera raw file', 'raw'],
]
