import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { optionNames } from '../options/imageOptions.js'
import { requestOptionNames } from './apiSchemas.js'
import { openApi, openApiText } from './openApi.js'
import { operations } from './operations.js'

test('docs/openapi.json is what the operations say', () => {
  const committed = readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')
  expect(committed, 'run: npm run build && node scripts/writeOpenApi.mjs').toBe(openApiText())
})

test('each operation is described once, and each reference leads somewhere', () => {
  const document = openApi() as {
    paths: Record<string, Record<string, { operationId: string }>>
    components: { schemas: Record<string, unknown> }
  }
  const described = Object.values(document.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  )
  expect(described.sort()).toEqual(Object.keys(operations).sort())
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name,
  )
  expect(new Set(references)).toEqual(new Set(Object.keys(document.components.schemas)))
})

test('every option is described but those that a request cannot give', () => {
  const { components } = openApi() as { components: { schemas: { Options: { properties: object } } } }
  expect(Object.keys(components.schemas.Options.properties)).toEqual(requestOptionNames)
  expect(optionNames.filter((name) => !requestOptionNames.includes(name))).toEqual([
    'photo',
    'mask',
    'over',
    'seeds',
    'config',
    'out',
    'force',
    'json',
  ])
})
