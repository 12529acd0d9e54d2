import { sniffFormat } from './sniffFormat.js'

/** By who reads it: sharp, libav, mediabunny; of MPEG transport streams some mediabunny, the others libav. */
export type ClipKind = 'gif' | 'avi' | 'container' | 'transport'

/** How a clip is opened, or what the file looks like and the way to a clip from there. */
export type SniffedClip =
  { readonly kind: ClipKind } | { readonly kind: 'refused'; readonly looksLike: string; readonly wayOut: string }

/** How many bytes it needs, at most. */
export const sniffedBytes = 4096

/** The command that makes an MP4 of what ffmpeg reads. */
export const conversion = (path: string): string => `ffmpeg -i "${path}" -c:v libx264 -crf 18 -pix_fmt yuv420p clip.mp4`
const frames = (path: string): string => `mkdir frames && ffmpeg -i "${path}" frames/%05d.png`

/** @param head the first bytes of the file, `sniffedBytes` where there are as many */
export function sniffClip(head: Uint8Array, path: string): SniffedClip {
  const ascii = (from: number, to: number) => String.fromCharCode(...head.subarray(from, to))
  const convert = `Convert it: ${conversion(path)}`
  const refused = (looksLike: string, wayOut: string): SniffedClip => ({ kind: 'refused', looksLike, wayOut })
  const start = ascii(0, 4)
  if (start === 'GIF8') return { kind: 'gif' }
  if (start === '\x1a\x45\xdf\xa3') return { kind: 'container' }
  if (ascii(0, 4) === 'RIFF') {
    const form = ascii(8, 12)
    if (form === 'AVI ') return { kind: 'avi' }
    if (form === 'WAVE') return refused('sound (WAV)', sound)
    if (form === 'WEBP' && ascii(12, 16) === 'VP8X' && (head[20]! & 2) !== 0) {
      return refused(
        'an animated WebP',
        `Take its frames apart (for example: mkdir frames && magick "${path}" -coalesce frames/%05d.png) and name the folder, or convert it to GIF.`,
      )
    }
  }
  if (start === '\x89PNG' && ascii(0, head.length).includes('acTL'))
    return refused('an animated PNG', `Take its frames apart and name the folder: ${frames(path)}`)
  if (ascii(4, 8) === 'ftyp') {
    const brand = ascii(8, 12)
    const family = /^(hei[cxms]|hev[cxms]|mif1|msf1)/.test(brand) ? 'HEIC' : /^avi[fs]/.test(brand) ? 'AVIF' : null
    if (family !== null)
      return refused(
        /^(he[iv]c?s|hev|msf1|avis)/.test(brand) ? `a sequence of ${family} pictures` : `${family}, a picture`,
        `Export it as MP4 or MOV, or convert it: ${conversion(path)}; a single picture is edited by text2live image, as JPEG or PNG.`,
      )
    if (/^M4[AB] /.test(brand)) return refused('sound (M4A)', sound)
    return { kind: 'container' }
  }
  if (/^(moov|mdat|free|wide|skip|pnot)$/.test(ascii(4, 8))) return { kind: 'container' }
  if (isTransport(head, 188, 0) || isTransport(head, 192, 4)) return { kind: 'transport' }
  for (const [signature, looksLike] of streams)
    if (ascii(0, signature.length) === signature) return refused(looksLike, convert)
  for (const [signature, looksLike] of sounds)
    if (ascii(0, signature.length) === signature) return refused(`sound (${looksLike})`, sound)
  if (
    head[0] === 0xff &&
    (head[1]! & 0xe0) === 0xe0 &&
    head[1] !== 0xff &&
    head[1] !== 0xd8 &&
    (head[1]! & 0x18) !== 0x08
  )
    return refused('sound (MP3 or AAC)', sound)
  const text = subtitles(ascii(0, 512))
  if (text !== null) return refused(text, 'Give the video itself.')
  const { format, looksLike } = sniffFormat(head)
  if (format !== undefined) {
    return refused(
      `${looksLike}, a single picture`,
      'Edit it as a photo (text2live image), or name the folder that holds the frames of a clip.',
    )
  }
  if (looksLike.startsWith('text') || looksLike.includes('HTML'))
    return refused(
      looksLike,
      looksLike.includes('HTML') ? 'Download the video itself: this is the page around it.' : 'Give the video itself.',
    )
  return refused(looksLike, `If it is a video, convert it: ${conversion(path)}`)
}

const sound = 'Give a file with pictures.'

/**
 * Packets of one length, each with its sync byte (ISO 13818-1, 2.4.3.2); those of cameras have four bytes before it.
 */
function isTransport(head: Uint8Array, length: number, before: number): boolean {
  if (head.length < 2 * length) return false
  for (let at = before; at < head.length; at += length) if (head[at] !== 0x47) return false
  return true
}

const streams: readonly (readonly [string, string])[] = [
  ['FLV', 'Flash video (FLV)'],
  ['\x30\x26\xb2\x75\x8e\x66\xcf\x11', 'Windows Media (WMV)'],
  ['\0\0\x01\xba', 'an MPEG program stream'],
  ['\0\0\x01\xb3', 'an MPEG video stream'],
  ['.RMF', 'RealMedia'],
  ['YUV4MPEG2', 'Y4M'],
  ['DKIF', 'IVF'],
  ['\0\0\0\x01', 'a bare video stream (H.264 or H.265)'],
  ['OggS', 'Ogg (Theora video, or sound)'],
  ['\x06\x0e\x2b\x34', 'MXF'],
]

const sounds: readonly (readonly [string, string])[] = [
  ['ID3', 'MP3'],
  ['fLaC', 'FLAC'],
  ['FORM', 'AIFF'],
  ['#!AMR', 'AMR'],
  ['MThd', 'MIDI'],
]

/** What a text with times in it looks like, or a list of media; null for others. */
function subtitles(text: string): string | null {
  const plain = text.replace(/^(\xef\xbb\xbf|\ufeff)/, '')
  if (plain.startsWith('#EXTM3U')) return 'a playlist (M3U8)'
  if (plain.startsWith('WEBVTT')) return 'subtitles (WebVTT)'
  if (plain.startsWith('[Script Info]')) return 'subtitles (ASS)'
  return /^\s*\d+\s*\r?\n\d\d:\d\d:\d\d[,.]\d{3} --> /.test(plain) ? 'subtitles (SRT)' : null
}
