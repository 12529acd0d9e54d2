import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { errorGuide, renderErrorDocs } from './errorGuide.js'

const codes = Object.keys(errorGuide)
const source = new URL('./', import.meta.url)
const texts = (readdirSync(source, { recursive: true }) as string[])
  .filter((name) => /\.tsx?$|\.js$/.test(name) && !/\.test\.ts$|^error(s|Guide)\.ts$/.test(name))
  .map((name) => readFileSync(new URL(name, source), 'utf8'))

test('docs/errors.md is what the table says', () => {
  const committed = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
  expect(committed, 'run: npm run build && node scripts/writeErrorDocs.mjs').toBe(renderErrorDocs())
})

test('every code that is thrown stands in the table', () => {
  const thrown = texts.flatMap((text) => [...text.matchAll(/new Text2LiveError\(\s*'(\w+)'/g)].map(([, code]) => code!))
  expect(thrown.length).toBeGreaterThan(200)
  expect([...new Set(thrown)].filter((code) => !codes.includes(code))).toEqual([])
})

test('every code of the table is thrown somewhere', () => {
  const used = new Set(
    texts.flatMap((text) =>
      // Where a code is only compared with, nothing is thrown.
      [...text.replaceAll(/[!=]== '[A-Z_]+'/g, '').matchAll(/'([A-Z]+(?:_[A-Z]+)*)'/g)].map(([, code]) => code!),
    ),
  )
  expect(codes.filter((code) => !used.has(code))).toEqual([])
})

test('advice is whole sentences', () => {
  for (const [code, { means, remedy }] of Object.entries(errorGuide))
    for (const text of [means, remedy]) expect(text, code).toMatch(/^[A-Z`].*[.)]$/)
})
