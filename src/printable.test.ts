import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Text2LiveError } from './errors.js'
import { maxMessageLength, printable, printableJson } from './printable.js'

test('control characters and marks that reorder text are written as escapes, other text stays', () => {
  expect(printable('a\u001b[2Jb\rc\u009b\u202ed')).toBe('a\\x1b[2Jb\\x0dc\\x9b\\u202ed')
  expect(printable('goldene Teekanne 茶壶 🫖\n  line\tend')).toBe('goldene Teekanne 茶壶 🫖\n  line\tend')
  expect(printable('\ud800x')).toBe('\\ud800x')
})

test('long text is cut in its middle', () => {
  const cut = printable('a'.repeat(1e6) + 'z', 100)
  expect(cut.length).toBeLessThanOrEqual(100)
  expect(cut).toMatch(/^a+ \.\.\. a+z$/)
})

test('no message of an error holds a control byte or is longer than the limit', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const { message } = new Text2LiveError('INTERNAL', text)
      expect(message).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
    }),
  )
  expect(new Text2LiveError('INTERNAL', 'x'.repeat(1e6)).message.length).toBe(maxMessageLength - 1)
  // Escapes count too.
  for (const unit of ['\u009b', '\ud83d', 'x\u202e', '\ud83d\ude00\u0007'])
    expect(printable(unit.repeat(3000)).length).toBeLessThanOrEqual(maxMessageLength)
})

test('JSON holds the same value without a character that a terminal obeys', () => {
  const value = { 'key\u001b[2J\u009b': ['\u202egpj.exe', '\u007f\u2028', 'größe 茶壶 🫖\n'] }
  const json = printableJson(value)
  expect(json).toBe('{"key\\u001b[2J\\u009b":["\\u202egpj.exe","\\u007f\\u2028","größe 茶壶 🫖\\n"]}')
  expect(JSON.parse(json)).toEqual(value)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
      expect(JSON.parse(printableJson({ [text]: text }))).toEqual({ [text]: text })
    }),
  )
})
