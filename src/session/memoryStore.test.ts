import { expect, test } from 'vitest'
import { memoryStore } from './memoryStore.js'

async function text(store: ReturnType<typeof memoryStore>, name: string): Promise<string | null> {
  const bytes = await store.read(name)
  return bytes && new TextDecoder().decode(bytes)
}
const bytes = (of: string): Uint8Array => new TextEncoder().encode(of)

test('files made aside take the place of older ones together; a failure leaves what was there', async () => {
  const store = memoryStore('run')
  await store.write('clip.mp4', 'old')
  await store.write('frames/0.png', 'old')
  await store.write('frames/1.png', 'old')
  const failing = store.replace(async (files) => {
    await files.write('clip.mp4', bytes('new'))
    throw new RangeError('no more')
  })
  await expect(failing).rejects.toThrow('no more')
  expect(await text(store, 'clip.mp4')).toBe('old')
  await store.replace(async (files) => {
    const file = await files.create('clip.mp4')
    await file.write(bytes('..xt'), 3)
    await file.write(bytes('nothe'), 0)
    await file.close()
    await files.write('frames/0.png', bytes('new'))
    await files.write('left.png', bytes('new'))
    return ['clip.mp4', 'frames']
  })
  expect(await text(store, 'clip.mp4')).toBe('nothext')
  expect([...store.files.keys()].sort()).toEqual(['clip.mp4', 'frames/0.png'])
})

test('lists what lies right in a folder, and removes files and folders', async () => {
  const store = memoryStore('run')
  for (const name of ['a/2', 'a/1', 'a/b/3', 'ab', 'c']) await store.write(name, 'x')
  expect(await store.list('a')).toEqual(['1', '2', 'b'])
  expect(await store.list('none')).toEqual([])
  await store.remove('a')
  await store.remove('c')
  await store.remove('none')
  expect([...store.files.keys()]).toEqual(['ab'])
})
