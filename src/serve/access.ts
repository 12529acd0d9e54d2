import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { Text2LiveError } from '../errors.js'

/** Who may ask the studio's server, and from where. */
export interface AccessOptions {
  /** What a person or a program shows: in the printed address, or as `Authorization: Bearer`. */
  readonly token: string
  /** Values of the Host header that name this server: "127.0.0.1:5483"; lower case. */
  readonly hosts: ReadonlySet<string>
  /** Cookies are shared by all ports of a machine, so the name tells which server's it is. */
  readonly port: number
}

/** What a request says of who sent it and from where. */
export interface Credentials {
  readonly method: string
  readonly host: string | undefined
  readonly origin: string | undefined
  /** `Sec-Fetch-Site`, which a page cannot set. */
  readonly site: string | undefined
  readonly authorization: string | undefined
  readonly cookie: string | undefined
}

/**
 * Keeps other sites and other people away from a server on this machine. A page of another site can send requests here,
 * and by DNS rebinding even as if from this origin: so Host must name this server, Origin must be this one wherever
 * something is changed or followed, and each request shows the token, or the cookie that the token was exchanged for.
 */
export class Access {
  readonly #options: AccessOptions
  readonly #session: string
  #ticket: string | null = null

  constructor(options: AccessOptions) {
    this.#options = options
    // Derived, so that a server that starts again with the same token knows its pages again, and the token is in no
    // jar.
    this.#session = createHmac('sha256', options.token).update('text2live studio cookie').digest('base64url')
  }

  /** @throws REQUEST_REFUSED unless the request was sent to this server by one of its names */
  assertHost(host: string | undefined): void {
    if (host !== undefined && this.#options.hosts.has(host.toLowerCase())) return
    throw new Text2LiveError(
      'REQUEST_REFUSED',
      `This server answers as ${[...this.#options.hosts].join(', ')}; the request was for "${host ?? ''}". Open the address that it printed.`,
    )
  }

  /**
   * @param followed the request opens something that lasts, which is checked as strictly as what changes something
   * @throws REQUEST_REFUSED for another site's page, TOKEN_INVALID
   */
  assertAllowed(request: Credentials, followed = false): void {
    const changes = request.method !== 'GET' && request.method !== 'HEAD'
    if (request.origin !== undefined && (changes || followed)) this.#assertOrigin(request.origin)
    const bearer = /^bearer +(.+)$/i.exec(request.authorization ?? '')?.[1]
    if (bearer !== undefined) {
      if (this.isToken(bearer)) return
      throw wrongToken()
    }
    // From here on it is a browser's cookie that speaks, which comes along whoever made the browser send the request:
    // SameSite counts other ports of this machine as the same site. "none": a person typed the address.
    const own = request.site === undefined || request.site === 'same-origin' || (request.site === 'none' && !changes)
    if (!own) this.#refuse(`a page (${request.site})`)
    if (changes && request.origin === undefined) this.#refuse('a page that does not say which it is')
    if (!same(cookieValue(request.cookie, this.#cookieName), this.#session)) throw wrongToken()
  }

  /** In the same time for every wrong one. */
  isToken(text: string): boolean {
    return same(text, this.#options.token)
  }

  /**
   * A token that is good for one exchange: arguments of a program that is started, a browser, can be read by others on
   * this machine.
   */
  ticket(): string {
    this.#ticket = randomBytes(24).toString('base64url')
    return this.#ticket
  }

  /** May who shows this have the cookie? */
  mayEnter(text: string): boolean {
    if (this.isToken(text)) return true
    const isTicket = this.#ticket !== null && same(text, this.#ticket)
    if (isTicket) this.#ticket = null
    return isTicket
  }

  /** The `Set-Cookie` that the token is exchanged for; it lasts until the browser is closed. */
  get cookie(): string {
    return `${this.#cookieName}=${this.#session}; Path=/; HttpOnly; SameSite=Strict`
  }

  get #cookieName(): string {
    return `text2live-${this.#options.port}`
  }

  #assertOrigin(origin: string): void {
    const host = /^https?:\/\/(.*)$/.exec(origin.toLowerCase())?.[1]
    if (host === undefined || !this.#options.hosts.has(host)) this.#refuse(`a page of "${origin}"`)
  }

  #refuse(who: string): never {
    throw new Text2LiveError(
      'REQUEST_REFUSED',
      `This server takes requests from its own page and from programs with its token; this one came from ${who}. Open the address that it printed.`,
    )
  }
}

export const wrongToken = (): Text2LiveError =>
  new Text2LiveError(
    'TOKEN_INVALID',
    'A token is needed, and none or a wrong one came. Open the whole address that the server printed when it started; a program sends "Authorization: Bearer <token>".',
  )

/** Hashes are compared, as only texts of one length can be compared in the same time. */
function same(given: string | undefined, expected: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given ?? ''), hash(expected)) && given !== undefined
}

function cookieValue(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}
