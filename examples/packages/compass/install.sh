#!/bin/sh
exec ./cadm "$@"
