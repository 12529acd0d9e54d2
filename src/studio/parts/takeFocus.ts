/** As a `ref`: gives an element the focus when it comes, and never again while it stays. */
export const takeFocus = (element: HTMLElement | null): void => element?.focus()
