/** The formats a photo or mask may come in. */
export type PhotoFormat = 'jpeg' | 'png' | 'webp' | 'avif' | 'tiff'

const ascii = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to))

/** What a file's first bytes look like, in words for an error message, with `format` when it is one that can be read. */
export function sniffFormat(bytes: Uint8Array): { readonly format?: PhotoFormat; readonly looksLike: string } {
  const head = ascii(bytes, 0, 4)
  if (head.startsWith('\xff\xd8\xff')) return { format: 'jpeg', looksLike: 'JPEG' }
  if (head === '\x89PNG') return { format: 'png', looksLike: 'PNG' }
  if (head === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return { format: 'webp', looksLike: 'WebP' }
  if (head === 'II*\0' || head === 'MM\0*' || head === 'II+\0' || head === 'MM\0+') return { format: 'tiff', looksLike: 'TIFF' }
  if (ascii(bytes, 4, 8) === 'ftyp') {
    const brand = ascii(bytes, 8, 12)
    if (brand === 'avif' || brand === 'avis') return { format: 'avif', looksLike: 'AVIF' }
    if (/^(hei|hev|mif1|msf1)/.test(brand)) return { looksLike: 'HEIC' }
    return { looksLike: `a video or other media container ("${brand.replace(/[^\x20-\x7e]/g, '?')}")` }
  }
  for (const [signature, looksLike] of others) {
    if (ascii(bytes, 0, signature.length) === signature) return { looksLike }
  }
  const start = bytes.subarray(0, 512)
  const text = ascii(start, 0, start.length)
  if (/^\s*(<\?xml[^>]*>\s*)?(<!--[^]*?-->\s*)?<svg/i.test(text)) return { looksLike: 'SVG' }
  if (/^\s*(<!doctype html|<html)/i.test(text)) return { looksLike: 'an HTML page' }
  const printable = start.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13)
  const shown = [...start.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return { looksLike: printable ? `text ("${text.slice(0, 24).replace(/\s+/g, ' ')}")` : `unknown data (first bytes ${shown})` }
}

const others: readonly (readonly [string, string])[] = [
  ['GIF8', 'GIF'], ['BM', 'BMP'], ['8BPS', 'a Photoshop document'], ['%PDF', 'PDF'], ['PK\x03\x04', 'a zip archive'],
  ['\x1f\x8b', 'gzip data'], ['\xff\x0a', 'JPEG XL'], ['\0\0\0\x0cJXL ', 'JPEG XL'], ['\0\0\0\x0cjP  ', 'JPEG 2000'],
  ['gimp xcf', 'a GIMP document'], ['v/1\x01', 'OpenEXR'], ['FUJIFILM', 'a camera raw file'],
]
