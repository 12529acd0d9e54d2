import { zipSync } from 'fflate'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { type PickleTensor, type PickleValue, readPickle } from './pickle.js'
import { assertStored, openPyTorchFile, tensorsByPath } from './pytorchFile.js'
import type { RandomAccess } from './zipEntries.js'

const fixture = (name: string): Promise<Uint8Array> =>
  readFile(new URL(`../../test/fixtures/pytorch/${name}`, import.meta.url))

const inMemory = (bytes: Uint8Array): RandomAccess => ({
  location: 'file.pt',
  size: bytes.length,
  read: (start, end) => Promise.resolve(bytes.slice(start, end)),
})

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** An archive as PyTorch makes it, around this pickle. */
function archive(pickle: string, files: Record<string, Uint8Array> = {}, level: 0 | 6 = 0): RandomAccess {
  return inMemory(zipSync({ 'file/data.pkl': ascii(pickle), ...files }, { level }))
}

/** A tensor of `shape` over storage 0: the numbers follow as a pickle writes them. */
function tensorPickle({ kind = 'FloatStorage', offset = 0, shape = [2], strides = [1] } = {}): string {
  const short = (text: string): string => `X${String.fromCharCode(text.length)}\0\0\0${text}`
  const tuple = (numbers: readonly number[]): string => `(${numbers.map((n) => `K${String.fromCharCode(n)}`).join('')}t`
  return (
    `\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((${short('storage')}ctorch\n${kind}\n${short('0')}${short('cpu')}K\x02tQ` +
    `K${String.fromCharCode(offset)}${tuple(shape)}${tuple(strides)}\x89}tR.`
  )
}

describe('a file of torch.save', () => {
  it('gives every kind of number, views and parameters', async () => {
    const file = await openPyTorchFile(inMemory(await fixture('state.pt')))
    const expected = JSON.parse(new TextDecoder().decode(await fixture('state.json'))) as Record<
      string,
      { shape: number[]; data: number[] }
    >
    const tensors = tensorsByPath(file.root)
    expect([...tensors.keys()]).toEqual(Object.keys(expected))
    for (const [name, tensor] of tensors) {
      expect(tensor.shape, name).toEqual(expected[name]!.shape)
      expect([...(await file.read(tensor))], name).toEqual(expected[name]!.data.map(Math.fround))
    }
  })

  it('gives the plain data beside them', async () => {
    const { root } = await openPyTorchFile(inMemory(await fixture('state.pt')))
    const plain = [...(root as Map<string, PickleValue>)].filter(([name]) => name !== 'tensors' && name !== 'module')
    expect(Object.fromEntries(plain)).toEqual({
      iteration: 12345,
      loss: 0.25,
      big: 2n ** 70n,
      negative: -70000,
      name: 'größe',
      flags: [true, null, [1, 2, [3]]],
      size: [6, 5],
    })
  })
})

describe('a hostile file', () => {
  it.each([
    ['os.system', 'cos\nsystem\n(X\x05\0\0\0touchtR.'],
    ['posix.system', 'cposix\nsystem\n(X\x05\0\0\0touchtR.'],
    ['builtins.eval', '\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x94\x8c\x011\x85R.'],
    ['torch.load', 'ctorch\nload\n)R.'],
    ['collections.OrderedDict.fromkeys', 'ccollections\nOrderedDict.fromkeys\n)R.'],
    ['torch._utils.__builtins__', 'ctorch._utils\n__builtins__\n.'],
  ])('that names %s is refused, and nothing of it runs', async (name, pickle) => {
    await expect(openPyTorchFile(archive(pickle))).rejects.toMatchObject({
      code: 'PICKLE_UNSAFE',
      exitStatus: 2,
      message: expect.stringContaining(name) as string,
    })
  })

  it('that calls a name that is only a name is refused', async () => {
    await expect(openPyTorchFile(archive('c__torch__\nModel\n)R.'))).rejects.toMatchObject({ code: 'PICKLE_UNSAFE' })
    await expect(openPyTorchFile(archive('ctorch\nFloatStorage\n)\x81.'))).rejects.toMatchObject({
      code: 'PICKLE_UNSAFE',
    })
    await expect(openPyTorchFile(archive('X\x01\0\0\0x)R.'))).rejects.toMatchObject({ code: 'PICKLE_UNSAFE' })
  })

  it.each([
    ['an operation of old pickles that calls a class', '(ios\nsystem\n.'],
    ['an empty stack', 'R.'],
    ['no end', '\x80\x02K\x01'],
    ['a length past the end', 'X\xff\xff\xff\x7fabc.'],
    ['a value it never kept', 'h\x05.'],
    ['items for a number', 'K\x01K\x02K\x03s.'],
    ['a tensor without storage', 'ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\0))\x89}tR.'],
  ])('with %s is refused', async (_, pickle) => {
    await expect(openPyTorchFile(archive(pickle))).rejects.toMatchObject({ code: 'PYTORCH_FILE_INVALID' })
  })

  it.each([
    ['that reaches past its storage', { shape: [3], strides: [1] }],
    ['that begins past its storage', { offset: 2 }],
    ['whose strides reach past its storage', { strides: [2] }],
    ['of a kind of number that we do not know', { kind: 'ComplexFloatStorage' }],
    ['that is huge', { shape: [255, 255, 255, 255], strides: [0, 0, 0, 0] }],
  ])('with a tensor %s is refused when it is read', async (_, tensor) => {
    const file = await openPyTorchFile(archive(tensorPickle(tensor), { 'file/data/0': new Uint8Array(8) }))
    await expect(file.read([...tensorsByPath(file.root).values()][0]!)).rejects.toMatchObject({
      code: 'PYTORCH_FILE_INVALID',
    })
  })

  it('of lists within lists, or the same list many times, ends', () => {
    const deep = readPickle(ascii(`\x80\x02${']'.repeat(100_000)}${'a'.repeat(99_999)}.`), 'file.pt')
    expect(tensorsByPath(deep).size).toBe(0)
    // Each list holds the one before it twice: 2^40 paths.
    const doubled = Array.from(
      { length: 40 },
      (_, i) => `](h${String.fromCharCode(i)}h${String.fromCharCode(i)}eq${String.fromCharCode(i + 1)}`,
    ).join('')
    expect(tensorsByPath(readPickle(ascii(`\x80\x02]q\0${doubled}.`), 'file.pt')).size).toBe(0)
  })
})

describe('a file that would become many times its size', () => {
  const opened = async (tensor: Parameters<typeof tensorPickle>[0], bytes = 8) => {
    const file = archive(tensorPickle(tensor), { 'file/data/0': new Uint8Array(bytes) })
    const pyTorch = await openPyTorchFile(file)
    return { file, tensors: tensorsByPath(pyTorch.root), read: (tensor: PickleTensor) => pyTorch.read(tensor) }
  }

  it.each([
    ['zero strides', { shape: [200, 200], strides: [0, 0] }, 8],
    ['a zero stride', { shape: [200, 200], strides: [1, 0] }, 800],
    ['rows that overlap', { shape: [200, 200], strides: [1, 1] }, 1600],
    ['windows', { shape: [100, 100], strides: [2, 1] }, 4000],
  ])('by %s is refused', async (_, tensor, bytes) => {
    const { file, tensors, read } = await opened(tensor, bytes)
    await expect(read([...tensors.values()][0]!)).rejects.toMatchObject({
      code: 'PYTORCH_FILE_INVALID',
      message: expect.stringContaining('not all of them are stored') as string,
    })
    expect(() => assertStored(file, tensors)).toThrow('not all of its numbers are stored')
  })

  it('by one storage under many names is refused; a table that is used twice is not', async () => {
    const { file, tensors } = await opened({ shape: [200], strides: [1] }, 800)
    const [tensor] = tensors.values()
    const named = (count: number) => new Map(Array.from({ length: count }, (_, i) => [`t${i}`, tensor!]))
    expect(() => assertStored(file, named(2))).not.toThrow()
    expect(() => assertStored(file, named(100))).toThrow('its tensors take 80000 bytes')
  })

  it('turned and cut tensors are stored', async () => {
    const { file, tensors, read } = await opened({ shape: [3, 2], strides: [1, 4] }, 64)
    expect(() => assertStored(file, tensors)).not.toThrow()
    expect(await read([...tensors.values()][0]!)).toHaveLength(6)
  })
})

describe('a pickle that grows', () => {
  const refused = (pickle: string, message: string): void => {
    expect(() => tensorsByPath(readPickle(ascii(pickle), 'file.pt'))).toThrow(message)
  }

  it('by copies of what it keeps', () =>
    refused(
      `\x80\x02ccollections\nOrderedDict\nq\0(${'NN\x86'.repeat(3000)}lq\x01${'h\0h\x01\x85R'.repeat(3000)}.`,
      'copies the same values again and again',
    ))
  it('by objects', () => refused(`\x80\x02${'}'.repeat(1_000_001)}.`, 'makes more than 1000000 objects'))
  it('by tensors', () => {
    const tensor = tensorPickle().slice(2, -1)
    refused(`\x80\x02](${tensor}q\x01${'h\x01'.repeat(100_001)}e.`, 'more than 100000 tensors')
  })
  it('by names', () => {
    expect(() => readPickle(ascii(`\x80\x02c${'m'.repeat(5000)}\nx\n.`), 'file.pt')).toThrow(
      'a name of 5001 characters',
    )
  })
  it('by axes', () =>
    refused(
      tensorPickle({ shape: Array<number>(65).fill(1), strides: Array<number>(65).fill(1) }),
      'described wrongly',
    ))
})

describe('what is no such file', () => {
  it.each([
    ['nothing', new Uint8Array()],
    ['text', ascii('just some text, longer than the end of a zip archive')],
    ['a zip archive of something else', zipSync({ 'readme.txt': ascii('hello') }, { level: 0 })],
    ['a compressed one', zipSync({ 'file/data.pkl': ascii(`\x80\x02${'N0'.repeat(200)}N.`) }, { level: 6 })],
    ['a big-endian one', zipSync({ 'file/data.pkl': ascii('N.'), 'file/byteorder': ascii('big') }, { level: 0 })],
  ])('%s', async (_, bytes) => {
    await expect(openPyTorchFile(inMemory(bytes))).rejects.toMatchObject({
      code: 'PYTORCH_FILE_INVALID',
      exitStatus: 2,
    })
  })

  it('one that is cut short, wherever', async () => {
    const bytes = await fixture('state.pt')
    for (let length = 0; length < bytes.length; length += 97) {
      await expect(openPyTorchFile(inMemory(bytes.slice(0, length)))).rejects.toMatchObject({
        code: 'PYTORCH_FILE_INVALID',
      })
    }
  })

  it('a whole one with a byte changed gives numbers or a coded error', async () => {
    const bytes = await fixture('state.pt')
    for (let at = 0; at < bytes.length; at += 13) {
      const changed = bytes.slice()
      changed[at] = changed[at]! ^ 0xff
      try {
        const file = await openPyTorchFile(inMemory(changed))
        for (const tensor of tensorsByPath(file.root).values())
          expect(await file.read(tensor)).toBeInstanceOf(Float32Array)
      } catch (error) {
        expect((error as { code: string }).code).toMatch(/^(PYTORCH_FILE_INVALID|PICKLE_UNSAFE)$/)
      }
    }
  })
})
