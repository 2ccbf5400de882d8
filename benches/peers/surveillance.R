# Farrington flexible or EARS of package surveillance on a CSV of weekly series (unit, date, observed).
# Usage: Rscript surveillance.R farrington|C1|C2|C3 INPUT.csv OUTPUT.csv
# Prints the processor seconds of the method itself, without the start of R and without reading the file.
suppressMessages(library(surveillance))
words <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(words[2], colClasses = c(unit = "character"))
units <- unique(rows$unit)
counts <- sapply(units, function(unit) rows$observed[rows$unit == unit])
days <- as.numeric(as.Date(rows$date[rows$unit == units[1]]))
series <- sts(observed = counts, epoch = days, epochAsDate = TRUE, start = c(2000, 1), frequency = 52)
if (words[1] == "farrington") {
    range <- 264:nrow(counts)
    control <- list(range = range, b = 5, w = 3, weightsThreshold = 2.58, pastWeeksNotIncluded = 26, noPeriods = 10,
                    pThresholdTrend = 1, thresholdMethod = "nbPlugin", alpha = 0.005, verbose = FALSE)
    method <- farringtonFlexible
} else {
    control <- list(method = words[1], baseline = 7, minSigma = 0)
    method <- earsC
}
time <- system.time(found <- method(series, control))
seconds <- time[["user.self"]] + time[["sys.self"]]
times <- if (words[1] == "farrington") range else found@control$range
judged <- data.frame(unit = rep(units, each = length(times)), t = rep(times, length(units)),
                     upperbound = as.vector(found@upperbound), alarm = as.integer(as.vector(found@alarm)))
write.csv(judged, words[3], row.names = FALSE, quote = FALSE, na = "")
cat(seconds, "\n")
