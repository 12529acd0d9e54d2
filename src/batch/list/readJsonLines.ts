import { isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import type { ListFault, ListRow, ListText, Place } from './listText.js'
import { placeIn, rowOfMap } from './readYaml.js'

/** A list as JSON lines: one object a row; the first line may be `{"defaults": {...}}`. Empty lines are left out. */
export function readJsonLines(text: string): ListText {
  const faults: ListFault[] = []
  let defaults: ListRow | null = null
  const rows: ListRow[] = []
  for (const [i, content] of text.split(/\r?\n/).entries()) {
    if (content.trim() === '') continue
    const row = readLine(content, i + 1, faults)
    if (row === null) continue
    if (row.inDefaults !== null && rows.length === 0 && defaults === null) defaults = row.inDefaults
    else rows.push(row)
  }
  return { defaults, rows, faults }
}

type Line = ListRow & { readonly inDefaults: ListRow | null }

function readLine(content: string, line: number, faults: ListFault[]): Line | null {
  const fault = (message: string, column: number): null => {
    faults.push({ code: 'LIST_INVALID', message, line, column })
    return null
  }
  try {
    JSON.parse(content)
  } catch (error) {
    const { message } = error as Error
    return fault(
      `Expected one JSON object on the line, such as {"input": "teapot.jpg"}: ${message}. Correct the line.`,
      Number(/position (\d+)/.exec(message)?.[1] ?? 0) + 1,
    )
  }
  // JSON is YAML too, whose reader says where each key stands, and refuses one that is there twice.
  const lines = new LineCounter()
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false, logLevel: 'error' })
  const problem = document.errors[0]
  if (problem !== undefined) return fault(`${problem.message.trim()}. Correct the line.`, problem.pos[0] + 1)
  if (!isMap(document.contents)) return fault('Expected a JSON object, such as {"input": "teapot.jpg"}.', 1)
  const placeOf = (node: unknown): Place => ({ line, column: placeIn(lines, node)?.column ?? 1 })
  const { items } = document.contents
  const only =
    items.length === 1 && isScalar(items[0]?.key) && items[0].key.value === 'defaults' ? items[0].value : null
  return {
    ...rowOfMap(document.contents, document, placeOf, faults),
    inDefaults: isMap(only) ? rowOfMap(only, document, placeOf, faults) : null,
  }
}
