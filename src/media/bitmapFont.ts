/**
 * A 5x7 pixel font for labels: the machine may have no fonts at all. Lower case is drawn as upper case; what is missing
 * as a box. Each glyph is 7 rows of 5 bits, the leftmost pixel highest, written as one base-32 digit per row.
 */
const glyphs: Readonly<Record<string, string>> = {
  ' ': '0000000',
  '0': 'ehjlphe',
  '1': '4c4444e',
  '2': 'eh1248v',
  '3': 'v2421he',
  '4': '26aiv22',
  '5': 'vgu11he',
  '6': '68guhhe',
  '7': 'v124888',
  '8': 'ehhehhe',
  '9': 'ehhf12c',
  A: 'ehhvhhh',
  B: 'uhhuhhu',
  C: 'ehggghe',
  D: 'sihhhis',
  E: 'vggsggv',
  F: 'vggsggg',
  G: 'ehgnhhf',
  H: 'hhhvhhh',
  I: 'e44444e',
  J: '72222ic',
  K: 'hikokih',
  L: 'ggggggv',
  M: 'hrllhhh',
  N: 'hhpljhh',
  O: 'ehhhhhe',
  P: 'uhhuggg',
  Q: 'ehhhlid',
  R: 'uhhukih',
  S: 'fgge11u',
  T: 'v444444',
  U: 'hhhhhhe',
  V: 'hhhhha4',
  W: 'hhhllla',
  X: 'hha4ahh',
  Y: 'hhha444',
  Z: 'v1248gv',
  '.': '00000cc',
  ',': '0000c48',
  ':': '0cc0cc0',
  '-': '000v000',
  '+': '044v440',
  '=': '00v0v00',
  '/': '01248g0',
  '#': 'aavavaa',
  '%': 'op248j3',
  '(': '2488842',
  ')': '8422248',
  "'": 'c480000',
  _: '000000v',
  '!': '4444004',
  '?': 'eh12404',
}
const box = 'vhhhhhv'

export const glyphWidth = 6
export const glyphHeight = 7

/**
 * Calls `ink` for every pixel of `text` that is set, in glyph pixels from the upper left.
 * A glyph is 5x7 with one pixel to the next.
 */
export function drawText(text: string, ink: (x: number, y: number) => void): void {
  for (const [index, character] of Array.from(text).entries()) {
    const rows = glyphs[character.toUpperCase()] ?? box
    for (let y = 0; y < glyphHeight; y++) {
      const bits = Number.parseInt(rows[y]!, 32)
      for (let x = 0; x < 5; x++) if (bits & (16 >> x)) ink(index * glyphWidth + x, y)
    }
  }
}
