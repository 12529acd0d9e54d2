/** A message of a stream of server-sent events. */
export interface EventMessage {
  readonly id: string
  readonly type: string
  readonly data: string
}

/** Longest message, characters: what does not end is no stream of ours. */
const longest = 2 ** 26

/**
 * The messages of a stream, as the HTML standard reads them. `EventSource` would do, but it tells a page neither why it
 * was refused nor lets it say from where to go on.
 * @throws RangeError for a message without an end, and what the stream throws
 */
export async function* eventMessages(body: ReadableStream<Uint8Array>): AsyncGenerator<EventMessage, void, undefined> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  let message = { id: '', type: 'message', data: [] as string[] }
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop()!
      if (rest.length > longest) throw new RangeError('a message of the stream of events does not end')
      for (const line of lines) {
        if (line === '') {
          if (message.data.length > 0) yield { ...message, data: message.data.join('\n') }
          message = { id: message.id, type: 'message', data: [] }
          continue
        }
        const [, field, text = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!
        if (field === 'id') message.id = text
        else if (field === 'event') message.type = text
        else if (field === 'data') message.data.push(text)
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
