module province.local/tools/echo

go 1.26.0
