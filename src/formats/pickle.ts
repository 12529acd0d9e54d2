import { Text2LiveError } from '../errors.js'
import { invalidArchive } from './zipEntries.js'

/** What a pickle of tensors can hold. Dictionaries keep their order. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleDictionary
  | PickleObject
  | PickleTensor
  | PickleGlobal
  | PickleStorage

export type PickleDictionary = Map<PickleValue, PickleValue>

/** An object of a TorchScript class: only its attributes are taken, none of its code. */
export class PickleObject {
  attributes: PickleDictionary = new Map()
  constructor(readonly className: string) {}
}

/** The name of a class or function; it is never looked up. */
export class PickleGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  toString(): string {
    return `${this.module}.${this.name}`
  }
}

/** A block of numbers that lies in a file of its own. */
export class PickleStorage {
  constructor(
    readonly dtype: string,
    readonly key: string,
  ) {}
}

/** A tensor: a view of a storage. Offset and strides count elements. */
export class PickleTensor {
  constructor(
    readonly storage: PickleStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** Axes of a tensor: PyTorch has at most 64. */
const mostAxes = 64
/**
 * Lists, dictionaries and objects of one pickle: a tensor takes six. Each of them takes more memory than the byte that
 * asks for it.
 */
const mostObjects = 1_000_000
/** Characters of the name of a class or function. */
const longestName = 1000

/** Marks the beginning of what the next operation takes. */
const mark = Symbol('mark')
type Item = PickleValue | typeof mark

const orderedDict = 'collections.OrderedDict'

/** The only functions and classes that are called: each one builds plain data. */
const builders: Readonly<Record<string, (args: readonly PickleValue[]) => PickleValue>> = {
  // A copy: see `#call` for what it costs.
  [orderedDict]: ([pairs = []]) => new Map(pairs as [PickleValue, PickleValue][]),
  'torch._utils._rebuild_tensor': buildTensor,
  'torch._utils._rebuild_tensor_v2': buildTensor,
  'torch._utils._rebuild_parameter': ([data = null]) => data,
  'torch.Size': ([sizes = []]) => sizes,
  'torch.device': ([type = null]) => type,
  'torch.jit._pickle.build_intlist': ([list = []]) => list,
  'torch.jit._pickle.build_boollist': ([list = []]) => list,
  'torch.jit._pickle.build_doublelist': ([list = []]) => list,
  'torch.jit._pickle.build_tensorlist': ([list = []]) => list,
  'torch.jit._pickle.restore_type_tag': ([value = null]) => value,
}

/** Names that stand for a kind of number; they are kept as names. */
const isNumberKind = ({ module, name }: PickleGlobal): boolean =>
  (module === 'torch' && /^(?:\w+Storage|b?float\d+|u?int\d+|bool|double|half|long)$/.test(name)) ||
  (module === 'torch.storage' && name === 'UntypedStorage')

const isTorchScript = ({ module }: PickleGlobal): boolean => module === '__torch__' || module.startsWith('__torch__.')

/**
 * Reads a pickle as far as it is data: numbers, texts, lists, dictionaries, tensors, and objects of TorchScript classes
 * as bags of attributes. A pickle is a program; every step of it that would call anything but the builders above is
 * refused, so nothing in the file is ever run.
 * @throws PICKLE_UNSAFE for a name that is not one of those; PYTORCH_FILE_INVALID for what is no pickle or is cut short
 */
export function readPickle(bytes: Uint8Array, location: string): PickleValue {
  try {
    return new Machine(bytes, location).run()
  } catch (error) {
    if (error instanceof Text2LiveError) throw error
    // A read past the end, or a value of another kind than the operation takes.
    throw invalid(location, error instanceof Error ? error.message : String(error))
  }
}

/** The stack machine of Python's pickletools, as much of it as protocols 2 to 5 use for data. */
class Machine {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #location: string
  readonly #stack: Item[] = []
  readonly #memo = new Map<number, PickleValue>()
  #at = 0
  #objects = 0
  /**
   * Values that were copied out of others: a list that is kept once can be asked for as often as the file has bytes.
   */
  #copied = 0

  constructor(bytes: Uint8Array, location: string) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#location = location
  }

  run(): PickleValue {
    for (;;) {
      const code = this.#byte()
      if (code === 0x2e) return this.#pop() // '.'
      this.#step(code)
    }
  }

  #step(code: number): void {
    const stack = this.#stack
    switch (code) {
      case 0x80:
        this.#byte()
        return // protocol
      case 0x95:
        this.#take(8)
        return // frame
      case 0x4e:
        stack.push(null)
        return // 'N'
      case 0x88:
        stack.push(true)
        return
      case 0x89:
        stack.push(false)
        return
      case 0x4a:
        stack.push(this.#number(4, (at) => this.#view.getInt32(at, true)))
        return // 'J'
      case 0x4b:
        stack.push(this.#byte())
        return // 'K'
      case 0x4d:
        stack.push(this.#uint16())
        return // 'M'
      case 0x8a:
        stack.push(longOf(this.#take(this.#byte())))
        return
      case 0x47:
        stack.push(this.#number(8, (at) => this.#view.getFloat64(at, false)))
        return // 'G'
      case 0x58:
        stack.push(this.#text(this.#uint32()))
        return // 'X'
      case 0x8c:
        stack.push(this.#text(this.#byte()))
        return
      case 0x54:
        stack.push(this.#text(this.#uint32()))
        return // 'T'
      case 0x55:
        stack.push(this.#text(this.#byte()))
        return // 'U'
      case 0x42:
        stack.push(this.#take(this.#uint32()))
        return // 'B'
      case 0x43:
        stack.push(this.#take(this.#byte()))
        return // 'C'

      case 0x28:
        stack.push(mark)
        return // '('
      case 0x30:
        this.#pop()
        return // '0'
      case 0x31:
        this.#toMark()
        return // '1'
      case 0x32:
        stack.push(this.#top())
        return // '2'
      case 0x29:
        stack.push(this.#made([]))
        return // ')'
      case 0x74:
        stack.push(this.#made(this.#toMark()))
        return // 't'
      case 0x85:
        stack.push(this.#made(this.#last(1)))
        return
      case 0x86:
        stack.push(this.#made(this.#last(2)))
        return
      case 0x87:
        stack.push(this.#made(this.#last(3)))
        return
      case 0x5d:
        stack.push(this.#made([]))
        return // ']'
      case 0x6c:
        stack.push(this.#made(this.#toMark()))
        return // 'l'
      case 0x61:
        this.#append([this.#pop()])
        return // 'a'
      case 0x65:
        this.#append(this.#toMark())
        return // 'e'
      case 0x7d:
        stack.push(this.#made(new Map()))
        return // '}'
      case 0x64:
        stack.push(this.#made(new Map(pairsOf(this.#toMark()))))
        return // 'd'
      case 0x73:
        this.#setItems(this.#last(2))
        return // 's'
      case 0x75:
        this.#setItems(this.#toMark())
        return // 'u'

      case 0x71:
        this.#memo.set(this.#byte(), this.#top())
        return // 'q'
      case 0x72:
        this.#memo.set(this.#uint32(), this.#top())
        return // 'r'
      case 0x94:
        this.#memo.set(this.#memo.size, this.#top())
        return
      case 0x68:
        stack.push(this.#recall(this.#byte()))
        return // 'h'
      case 0x6a:
        stack.push(this.#recall(this.#uint32()))
        return // 'j'

      case 0x63:
        stack.push(this.#global(this.#line(), this.#line()))
        return // 'c'
      case 0x93: {
        const [module, name] = this.#last(2)
        if (typeof module !== 'string' || typeof name !== 'string')
          throw new TypeError('a name in its pickle is no text')
        stack.push(this.#global(module, name))
        return
      }
      case 0x52: {
        // 'R'
        const [callee, args] = this.#last(2)
        stack.push(this.#call(callee!, args!))
        return
      }
      case 0x81: {
        const [type] = this.#last(2)
        stack.push(this.#create(type!))
        return
      }
      case 0x62:
        this.#setState(this.#pop())
        return // 'b'
      case 0x51:
        stack.push(this.#made(storageOf(this.#pop())))
        return // 'Q'
      default:
        throw invalid(
          this.#location,
          `its pickle has operation 0x${code.toString(16)} at byte ${this.#at - 1}, which no tensor needs`,
        )
    }
  }

  /** @throws RangeError once there are more than any file of tensors has */
  #made<T extends PickleValue>(value: T): T {
    if (++this.#objects > mostObjects) throw new RangeError(`its pickle makes more than ${mostObjects} objects`)
    return value
  }

  #global(module: string, name: string): PickleGlobal {
    if (module.length + name.length > longestName)
      throw unsafe(this.#location, `a name of ${module.length + name.length} characters`)
    const global = new PickleGlobal(module, name)
    if (Object.hasOwn(builders, String(global)) || isNumberKind(global) || isTorchScript(global))
      return this.#made(global)
    throw unsafe(this.#location, String(global))
  }

  #call(callee: PickleValue, args: PickleValue): PickleValue {
    const build =
      callee instanceof PickleGlobal && Object.hasOwn(builders, String(callee)) ? builders[String(callee)] : undefined
    if (!build)
      throw unsafe(this.#location, callee instanceof PickleGlobal ? String(callee) : 'something that is no name')
    if (!Array.isArray(args)) throw new TypeError('a builder in its pickle gets no arguments')
    // Of a list that is kept, each call makes a dictionary as large: no more in all than the file has bytes.
    if (build === builders[orderedDict] && Array.isArray(args[0])) this.#copied += args[0].length
    if (this.#copied > this.#bytes.length) throw new RangeError('its pickle copies the same values again and again')
    return this.#made(build(args))
  }

  #create(type: PickleValue): PickleValue {
    if (type instanceof PickleGlobal && String(type) === orderedDict) return this.#made(new Map())
    if (type instanceof PickleGlobal && isTorchScript(type)) return this.#made(new PickleObject(String(type)))
    throw unsafe(this.#location, type instanceof PickleGlobal ? String(type) : 'something that is no name')
  }

  /** Attributes of a TorchScript object. Those of a dictionary (`_metadata` of a state dict) say nothing of tensors. */
  #setState(state: PickleValue): void {
    const target = this.#top()
    if (target instanceof PickleObject && state instanceof Map) target.attributes = state
    else if (!(target instanceof Map)) throw new TypeError('it sets the state of something that has none')
  }

  #append(values: readonly PickleValue[]): void {
    const list = this.#top()
    if (!Array.isArray(list)) throw new TypeError('it appends to something that is no list')
    for (const value of values) list.push(value)
  }

  #setItems(items: readonly PickleValue[]): void {
    const target = this.#top()
    if (!(target instanceof Map)) throw new TypeError('it sets items of something that is no dictionary')
    for (const [key, value] of pairsOf(items)) target.set(key, value)
  }

  #recall(index: number): PickleValue {
    const value = this.#memo.get(index)
    if (value === undefined) throw new RangeError(`its pickle recalls value ${index}, which it never kept`)
    return value
  }

  #last(count: number): PickleValue[] {
    const values = this.#stack.splice(Math.max(0, this.#stack.length - count))
    if (values.length < count || values.includes(mark)) throw new RangeError(emptyStack)
    return values as PickleValue[]
  }

  #toMark(): PickleValue[] {
    const at = this.#stack.lastIndexOf(mark)
    if (at < 0) throw new RangeError(emptyStack)
    return this.#stack.splice(at).slice(1) as PickleValue[]
  }

  #pop(): PickleValue {
    return this.#last(1)[0]!
  }

  #top(): PickleValue {
    const item = this.#stack.at(-1)
    if (item === undefined || item === mark) throw new RangeError(emptyStack)
    return item
  }

  #text(length: number): string {
    return new TextDecoder('utf-8', { fatal: true }).decode(this.#take(length))
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at)
    if (end < 0) throw new RangeError('a name in its pickle has no end')
    const text = new TextDecoder().decode(this.#take(end - this.#at))
    this.#at += 1
    return text
  }

  #byte(): number {
    return this.#take(1)[0]!
  }

  #uint16(): number {
    return this.#number(2, (at) => this.#view.getUint16(at, true))
  }

  #uint32(): number {
    return this.#number(4, (at) => this.#view.getUint32(at, true))
  }

  #number(width: number, read: (at: number) => number): number {
    const at = this.#at
    this.#take(width)
    return read(at)
  }

  #take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length)
      throw new RangeError(`its pickle is cut short at ${this.#bytes.length} bytes`)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

const emptyStack = 'its pickle takes more from the stack than is there'

/** Little-endian two's complement; a number wherever it is one exactly. */
function longOf(bytes: Uint8Array): number | bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!)
  const signed = BigInt.asIntN(8 * Math.max(bytes.length, 1), value)
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed
}

function pairsOf(items: readonly PickleValue[]): [PickleValue, PickleValue][] {
  if (items.length % 2 === 1) throw new RangeError(emptyStack)
  return Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i]!, items[2 * i + 1]!])
}

/** ('storage', kind of number, key, device, count): where the numbers lie. */
function storageOf(id: PickleValue): PickleStorage {
  const [tag, kind, key] = Array.isArray(id) ? id : []
  if (tag !== 'storage' || !(kind instanceof PickleGlobal) || typeof key !== 'string')
    throw new TypeError('it refers to something outside that is no storage')
  return new PickleStorage(kind.name, key)
}

function buildTensor([storage, offset, shape, strides]: readonly PickleValue[]): PickleTensor {
  const whole = (list: PickleValue | undefined): list is number[] =>
    Array.isArray(list) &&
    list.length <= mostAxes &&
    list.every((n) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0)
  if (
    !(storage instanceof PickleStorage) ||
    !whole([offset!]) ||
    !whole(shape) ||
    !whole(strides) ||
    shape.length !== strides.length
  ) {
    throw new TypeError('a tensor in it is described wrongly')
  }
  return new PickleTensor(storage, offset as number, shape, strides)
}

function unsafe(location: string, name: string): Text2LiveError {
  return new Text2LiveError(
    'PICKLE_UNSAFE',
    `Expected ${location} to hold tensors and plain data, it asks for ${name}, which may run code. Nothing of it was run. Take the file from its publisher, ` +
      'or convert it to safetensors on a machine that you can lose.',
  )
}

function invalid(location: string, problem: string): Text2LiveError {
  return invalidArchive({ location }, problem)
}
