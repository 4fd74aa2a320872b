namespace MetalMoe.Core.Text.Jinja;

/// <summary>
/// A stable merge sort. The library's sorts wrap what the comparison throws and may misbehave on
/// orders that are not total, which templates can produce.
/// </summary>
internal static class Sorting
{
    public static T[] Stable<T>(IEnumerable<T> items, Func<T, T, int> compare)
    {
        T[] sorted = [.. items];
        Sort(sorted, new T[sorted.Length], 0, sorted.Length, compare);
        return sorted;
    }

    private static void Sort<T>(
        T[] items, T[] scratch, int start, int end, Func<T, T, int> compare)
    {
        if (end - start < 2)
        {
            return;
        }
        int middle = (start + end) / 2;
        Sort(items, scratch, start, middle, compare);
        Sort(items, scratch, middle, end, compare);
        int left = start;
        int right = middle;
        for (int i = start; i < end; i++)
        {
            bool takeRight = left == middle
                || right < end && compare(items[right], items[left]) < 0;
            scratch[i] = items[takeRight ? right++ : left++];
        }
        Array.Copy(scratch, start, items, start, end - start);
    }
}
