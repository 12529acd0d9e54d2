import type { KeptRuns } from '../../session/queue/queueMachine.js'
import type { OpfsRuns } from '../../session/web/opfsStore.js'

const queueFile = 'queue.json'

/** The runs of this browser, as a queue keeps them. */
export const opfsKeptRuns = (runs: OpfsRuns): KeptRuns => ({
  names: () => runs.names(),
  look: (name) => runs.look(name),
  async make(name, contents) {
    const store = await runs.make(name, contents)
    return { name: store.path, release: () => store.release() }
  },
  async write(name, file, bytes) {
    const store = await runs.open(name)
    try {
      await store.write(file, bytes)
    } finally {
      store.release()
    }
  },
  delete: (name) => runs.delete(name),
  async readQueue() {
    const bytes = await runs.readBeside(queueFile)
    return bytes === null ? null : new TextDecoder().decode(bytes)
  },
  writeQueue: (text) => runs.writeBeside(queueFile, text),
})
