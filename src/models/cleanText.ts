import { decodeHTML } from 'entities'

/**
 * What the published CLIP does to a text before it looks for words: `ftfy.fix_text`, `html.unescape` twice, whitespace
 * made single spaces, lower case.
 * @param fixText `fix_text` of ftfy: mojibake, ligatures, full-width letters, curly quotes, control characters; NFC
 */
export function cleanText(text: string, fixText: (text: string) => string): string {
  const unescaped = unescapeHtml(unescapeHtml(fixText(text)))
  return unescaped.replace(surroundingSpace, '').replace(space, ' ').toLowerCase()
}

/** Unicode's White_Space, which `\s` is for Python; JavaScript's own leaves out U+0085 and adds U+FEFF. */
const space = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/gu
/** What Python's `str.strip` takes off: the separators U+001C to U+001F too. */
const surroundingSpace =
  /^[\t-\r\x1c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r\x1c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/gu

/** Where Python sees a character reference; a named one may be longer than its name. */
const reference = /&(?:#(?:(?<decimal>[0-9]+)|[xX](?<hexadecimal>[0-9a-fA-F]+));?|[^\t\n\f <&#;]{1,32};?)/gu

/** Python's `html.unescape`: HTML 5's references, but none to a control character or noncharacter: those vanish. */
export function unescapeHtml(text: string): string {
  return text.replace(reference, (found, decimal: string | undefined, hexadecimal: string | undefined) => {
    const code =
      decimal === undefined ? (hexadecimal === undefined ? null : parseInt(hexadecimal, 16)) : Number(decimal)
    return code !== null && vanishes(code) ? '' : decodeHTML(found)
  })
}

/** U+0080 to U+009F stand for characters of Windows-1252 and stay. */
function vanishes(code: number): boolean {
  const control = (code >= 0x1 && code <= 0x8) || code === 0xb || (code >= 0xe && code <= 0x1f) || code === 0x7f
  const noncharacter = (code >= 0xfdd0 && code <= 0xfdef) || (code <= 0x10ffff && (code & 0xfffe) === 0xfffe)
  return control || noncharacter
}
