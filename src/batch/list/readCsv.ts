import type { ListFault, ListRow, ListText, Place } from './listText.js'

interface Field {
  readonly text: string
  readonly place: Place
}

/**
 * A list as CSV (RFC 4180): a line of names, then one line a row. Commas part the fields, or semicolons or tabs where
 * the first line has no comma; a field in quotes may hold them, line ends and doubled quotes. Empty fields set nothing.
 */
export function readCsv(text: string): ListText {
  const faults: ListFault[] = []
  const [header, ...records] = csvRecords(text, delimiterOf(text), faults)
  if (header === undefined) return { defaults: null, rows: [], faults }
  const rows = records.map((record) => rowOf(header, record, faults))
  return {
    defaults: null,
    rows,
    columns: header.map(({ text: name, place }) => ({ name: name.trim(), place })),
    faults,
  }
}

function rowOf(header: readonly Field[], record: readonly Field[], faults: ListFault[]): ListRow {
  const surplus = record[header.length]
  if (surplus !== undefined)
    faults.push({
      code: 'LIST_INVALID',
      message: `Expected ${header.length} fields as in the first line, but here are ${record.length}. Put a field that holds the separator in quotes.`,
      ...surplus.place,
    })
  const cells = new Map<string, { value: string | string[]; place: Place }>()
  for (const [i, { text }] of header.entries()) {
    const field = record[i]
    const name = text.trim()
    if (field === undefined || field.text === '' || name === '') continue
    const before = cells.get(name)
    if (before === undefined) cells.set(name, { value: field.text, place: field.place })
    else before.value = [before.value, field.text].flat()
  }
  return { place: record[0]!.place, cells }
}

/** A comma, unless the first line has none and has a semicolon or a tab. */
function delimiterOf(text: string): string {
  const [first = ''] = text.split(/\r?\n/, 1)
  return [',', ';', '\t'].find((each) => first.includes(each)) ?? ','
}

/** Lines without any text are left out. A record ends at its first fault. */
function csvRecords(text: string, delimiter: string, faults: ListFault[]): Field[][] {
  const records: Field[][] = []
  let [at, line, lineStart] = [0, 1, 0]
  const place = (): Place => ({ line, column: at - lineStart + 1 })
  const newLine = (): void => {
    line++
    lineStart = at
  }
  const isEnd = (): boolean => at >= text.length || text[at] === '\n' || (text[at] === '\r' && text[at + 1] === '\n')

  /** From an opening quote to behind the closing one. */
  const quoted = (): string => {
    const start = place()
    let value = ''
    for (at++; at < text.length; at++) {
      if (text[at] === '"') {
        if (text[at + 1] !== '"') {
          at++
          return value
        }
        at++
      }
      value += text[at]!
      if (text[at] === '\n') {
        line++
        lineStart = at + 1
      }
    }
    faults.push({
      code: 'LIST_INVALID',
      message:
        'Expected a quote that closes this field, but the file ends. Add it; a quote in a field is written twice.',
      ...start,
    })
    return value
  }
  const plain = (): string => {
    const start = at
    while (!isEnd() && text[at] !== delimiter) at++
    return text.slice(start, at)
  }
  const field = (): Field => {
    const start = place()
    if (text[at] !== '"') return { text: plain(), place: start }
    const value = quoted()
    const behind = place()
    const rest = plain()
    if (rest !== '')
      faults.push({
        code: 'LIST_INVALID',
        message: `Expected the end of the field behind its closing quote, but ${JSON.stringify(rest.slice(0, 40))} follows. Write a quote in a field twice.`,
        ...behind,
      })
    return { text: value, place: start }
  }

  while (at < text.length) {
    const record = [field()]
    while (!isEnd()) {
      at++
      record.push(field())
    }
    at += text[at] === '\r' ? 2 : 1
    newLine()
    if (record.some((each) => each.text.trim() !== '')) records.push(record)
  }
  return records
}
