/** Longest message of an error, characters: a few screens. */
export const maxMessageLength = 4000

/**
 * Text that came from a file, made safe for a terminal: control characters, and the marks that reorder or hide text,
 * are written as escapes (`\x1b`, `\u202e`); line ends and tabs stay. Longer text is cut in its middle.
 * @param limit characters
 */
export function printable(text: string, limit = maxMessageLength): string {
  // Cut first, so that a message of a gigabyte is not escaped whole; and again, since escapes are longer, with room for
  // those of the two characters that a cut may halve.
  const safe = shortened(text, limit).replace(unsafe, escaped)
  return safe.length > limit ? shortened(safe, limit - 12).replace(unsafe, escaped) : safe
}

function shortened(text: string, limit: number): string {
  const half = Math.floor((limit - 5) / 2)
  return text.length > limit ? `${text.slice(0, half)} ... ${text.slice(-half)}` : text
}

/**
 * A value as JSON whose text is safe for a terminal too: what `printable` escapes is written as `\u009b`, so that the
 * value stays the same.
 * @param replacer as `JSON.stringify` takes it
 */
export function printableJson(value: unknown, replacer?: (key: string, value: unknown) => unknown): string {
  return escapeUnicode(JSON.stringify(value, replacer))
}

/** Is there nothing in the text that `printable` escapes? */
export const isPrintable = (text: string): boolean => text.search(unsafe) < 0

/** What `printable` escapes, as the escapes that quoted texts of JSON and YAML have. */
export const escapeUnicode = (text: string): string => text.replace(unsafe, unicodeEscape)

/** The joiners U+200C and U+200D stay: scripts and emoji need them. */
const unsafe =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

const unicodeEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

function escaped(character: string): string {
  const code = character.charCodeAt(0)
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : unicodeEscape(character)
}
