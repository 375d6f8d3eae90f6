# For whoever expects make; everything else is a script of npm: see CONTRIBUTING.md.
.PHONY: build test check image

# the programs of the image, in dist/: `node dist/stowage.mjs up`
build:
	npm run build

test:
	npm test

check:
	npm run check

image:
	docker build --tag stowage .
