import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { clipEvents, type EventRow, eventSchema, photoEvents } from '../session/eventTable.js'
import { batchEvents, renderEventDocs } from './eventDocs.js'

const tables: Readonly<Record<string, Readonly<Record<string, EventRow>>>> = { photoEvents, clipEvents, batchEvents }

test('docs/events.md is what the tables say', () => {
  const committed = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8')
  expect(committed, 'run: npm run build && node scripts/writeSchemas.mjs').toBe(renderEventDocs())
})

test.each(Object.entries(tables))('each example of %s is an event of its own type alone', (_, table) => {
  for (const [type, { example }] of Object.entries(table)) {
    const event = { type, ...example }
    expect(eventSchema(table).safeParse(event).error, type).toBeUndefined()
    expect(eventSchema(table).safeParse({ ...event, type: 'nothing' }).success).toBe(false)
    expect(eventSchema(table).safeParse({ ...event, surplus: 1 }).success).toBe(false)
  }
})
