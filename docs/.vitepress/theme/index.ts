// The theme with the fonts of the system: nothing is fetched, and the site is smaller by a megabyte.
export { default } from 'vitepress/theme-without-fonts'
