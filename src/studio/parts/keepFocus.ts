/** Where the focus goes when what had it is gone. */
const places = '.panel, .stage-surface, main'

/**
 * A button that is gone, or cannot be pressed any more, once it was pressed takes the focus with it: who has a keyboard
 * or a screen reader alone would begin at the top of the page again. The panel around it gets the focus then.
 * @returns ends it
 */
export function keepFocus(page: HTMLElement): () => void {
  /** What has the focus, and what is around it, the innermost first. */
  let path: readonly Element[] = []
  const take = ({ target }: FocusEvent): void => {
    path = target instanceof Element ? pathOf(target) : []
  }
  const isLost = (element: Element): boolean => !element.isConnected || element.matches(':disabled')
  const look = (): void => {
    const [last, ...around] = path
    const active = document.activeElement
    if (last === undefined || (active !== document.body && active !== last && active !== null)) return
    if (!isLost(last)) {
      // Somebody pressed beside everything.
      if (active !== last) path = []
      return
    }
    const place = around.find((element) => element.isConnected && element.matches(places))
    if (place instanceof HTMLElement) place.focus({ preventScroll: true })
  }
  const observer = new MutationObserver(look)
  page.addEventListener('focusin', take)
  observer.observe(page, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled'] })
  return () => {
    observer.disconnect()
    page.removeEventListener('focusin', take)
  }
}

function pathOf(element: Element): Element[] {
  const path: Element[] = []
  for (let at: Element | null = element; at !== null; at = at.parentElement) path.push(at)
  return path
}
