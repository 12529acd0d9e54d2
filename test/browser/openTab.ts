import type { Browser, BrowserContext, Page as Tab } from 'playwright-core'
import type { Page } from './page.js'

declare const page: Page

/**
 * A tab with the page of the tests; what goes wrong in it is shown on stderr.
 * @param ready what the page defines when it can be used
 */
export async function openTab(
  browser: Browser | BrowserContext,
  address: string,
  ready: 'page' | 'clipPage' = 'page',
): Promise<Tab> {
  const tab = await browser.newPage()
  tab.on('console', (message) => message.type() === 'error' && process.stderr.write(`page: ${message.text()}\n`))
  await tab.goto(address)
  await tab.waitForFunction(`globalThis.${ready}`)
  return tab
}

/** A file of a run that the browser keeps; null where there is none. */
export async function readInTab(tab: Tab, run: string, file: string): Promise<Buffer | null> {
  const text = await tab.evaluate(([one, two]) => page.readRun(one, two), [run, file] as const)
  return text === null ? null : Buffer.from(text, 'base64')
}
