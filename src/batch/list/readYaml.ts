import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  type Document,
  type YAMLMap,
} from 'yaml'
import type { ListFault, ListRow, ListText, Place } from './listText.js'

/** Names, values, line ends and signs: the parser's time grows faster than their number. */
const mostLexemes = 2_000_000

/** A list as YAML: a sequence of rows, or `jobs` with such a sequence and `defaults` with what holds for all. */
export function readYaml(text: string): ListText {
  const faults: ListFault[] = []
  const nothing = { defaults: null, rows: [], faults }
  const fault = (message: string, place: Place): void => void faults.push({ code: 'LIST_INVALID', message, ...place })
  const top = { line: 1, column: 1 }
  if (isTooLong(text)) {
    fault(`Expected at most ${mostLexemes} words and signs of YAML. Write so long a list as CSV or JSON lines.`, top)
    return nothing
  }
  const lines = new LineCounter()
  const document = parsed(text, lines, faults)
  if (document === null || faults.length > 0) return nothing
  const placeOf = (node: unknown): Place => placeIn(lines, node) ?? top
  const { contents } = document
  const rowsOf = (node: unknown): ListRow[] => {
    if (!isSeq(node)) {
      fault('Expected a list of rows, each beginning with "- ", as in "- input: teapot.jpg".', placeOf(node))
      return []
    }
    return node.items.flatMap((item) => {
      const row = isAlias(item) ? item.resolve(document) : item
      if (isMap(row)) return [rowOfMap(row, document, placeOf, faults)]
      fault('Expected a row of "option: value", as in "- input: teapot.jpg", but this is none.', placeOf(item))
      return []
    })
  }
  if (contents === null) return nothing
  if (!isMap(contents)) return { ...nothing, rows: rowsOf(contents) }
  let defaults: ListRow | null = null
  let rows: ListRow[] = []
  for (const { key, value } of contents.items) {
    const name = isScalar(key) ? String(key.value) : ''
    if (name === 'jobs') rows = rowsOf(value)
    else if (name !== 'defaults')
      fault(
        `Expected "defaults" and "jobs" here, but got "${name.slice(0, 100)}". Put options under "defaults", rows under "jobs".`,
        placeOf(key),
      )
    else if (isMap(value)) defaults = rowOfMap(value, document, placeOf, faults)
    else if (!isScalar(value) || value.value !== null)
      fault('Expected "option: value" lines under "defaults".', placeOf(value ?? key))
  }
  return { defaults, rows, faults }
}

/** @param placeOf where a node stands */
export function rowOfMap(
  map: YAMLMap,
  document: Document,
  placeOf: (node: unknown) => Place,
  faults: ListFault[],
): ListRow {
  const cells = new Map<string, { value: unknown; place: Place }>()
  for (const { key, value } of map.items) {
    const name = isScalar(key) ? String(key.value) : ''
    const place = placeOf(key)
    try {
      const plain: unknown = isNode(value) ? value.toJS(document) : null
      if (plain !== null && plain !== undefined) cells.set(name, { value: plain, place })
    } catch (error) {
      // Aliases that unfold into thousands of copies.
      faults.push({ code: 'LIST_INVALID', message: `${(error as Error).message}. Write the values out.`, ...place })
    }
  }
  return { place: placeOf(map), cells }
}

function isTooLong(text: string): boolean {
  let count = 0
  for (const _ of new Lexer().lex(text)) if (++count > mostLexemes) return true
  return false
}

function parsed(text: string, lineCounter: LineCounter, faults: ListFault[]): Document | null {
  try {
    const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error' })
    for (const { message, pos } of document.errors) {
      const { line, col } = lineCounter.linePos(pos[0])
      faults.push({
        code: 'LIST_INVALID',
        message: `Expected YAML: ${message.trim()}. Correct the line.`,
        line,
        column: col,
      })
    }
    return document
  } catch {
    // The parser calls itself for each level.
    faults.push({
      code: 'LIST_INVALID',
      message: 'Expected rows of "option: value", but the file is nested too deeply.',
      line: 1,
      column: 1,
    })
    return null
  }
}

export function placeIn(lines: LineCounter, node: unknown): Place | null {
  const start = isNode(node) ? node.range?.[0] : undefined
  if (start === undefined) return null
  const { line, col } = lines.linePos(start)
  return { line, column: col }
}
