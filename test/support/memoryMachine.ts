import { Text2LiveError } from '../../src/errors.js'
import { nodePlace } from '../../src/run/buildTrainer.js'
import { nodeMachine } from '../../src/run/nodeMachine.js'
import { clipMachine } from '../../src/run/video/clipMachine.js'
import { type MemoryStore, memoryStore } from '../../src/session/memoryStore.js'
import type { JobMachine } from '../../src/session/runJob.js'

/** Node as a machine for jobs, its runs in memory. */
export function memoryMachine(): JobMachine & { readonly kept: ReadonlyMap<string, MemoryStore> } {
  const kept = new Map<string, MemoryStore>()
  const { clips, prepare, digest } = clipMachine
  return {
    ...nodeMachine,
    ...nodePlace,
    forClips: { clips, prepare, digest },
    device: (asked) => Promise.resolve(asked === 'auto' ? 'cpu' : asked),
    kept,
    runs: {
      async make(name, contents) {
        const store = memoryStore(name)
        for (const [file, data] of Object.entries(contents)) await store.write(file, data)
        kept.set(name, store)
        return store
      },
      open: (name) => Promise.resolve(kept.get(name)!),
      look: (name) => {
        const found = kept.get(name)
        return found ? Promise.resolve(found) : Promise.reject(new Text2LiveError('RUN_NOT_FOUND', `no run ${name}`))
      },
    },
  }
}
